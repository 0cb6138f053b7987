#include "core/ops/rows.hpp"

#include "core/ops/matrix.hpp"

namespace accord::reference {
namespace {

Index checked(Index row, Index rows) {
  ACCORD_CHECK(row >= 0 && row < rows, "row {} of {}", row, rows);
  return row;
}

}  // namespace

template <class T>
void gather_rows(Queue&, ConstView from_view, ConstView from_rows, View to_view) {
  Matrix<T const> const from(from_view);
  Matrix<T> const to(to_view);
  RowList const list(from_rows);
  for (Index i = 0; i < to.rows(); ++i) {
    Index const row = checked(list[i], from.rows());
    for (Index j = 0; j < to.columns(); ++j) to[i][j] = from[row][j];
  }
}
template void gather_rows<double>(Queue&, ConstView, ConstView, View);
template void gather_rows<float>(Queue&, ConstView, ConstView, View);

template <class T>
void add_rows(Queue&, ConstView from_view, ConstView from_rows, View to_view, ConstView to_rows) {
  Matrix<T const> const from(from_view);
  Matrix<T> const to(to_view);
  RowList const sources(from_rows), targets(to_rows);
  Index const count = from_rows ? from_rows.size() : to_rows ? to_rows.size() : from.rows();
  for (Index i = 0; i < count; ++i) {
    Index const source = checked(sources[i], from.rows()), target = checked(targets[i], to.rows());
    for (Index j = 0; j < to.columns(); ++j) to[target][j] += from[source][j];
  }
}
template void add_rows<double>(Queue&, ConstView, ConstView, View, ConstView);
template void add_rows<float>(Queue&, ConstView, ConstView, View, ConstView);

}  // namespace accord::reference
