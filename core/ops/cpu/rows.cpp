#include "core/ops/rows.hpp"

#include <algorithm>

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {

template <class T>
void gather_rows(Queue&, ConstView from_view, ConstView from_rows, View to_view) {
  Matrix<T const> const from(from_view);
  Matrix<T> const to(to_view);
  RowList const list(from_rows);
  for_each_row(to.rows(), to.columns(), [&](Index i) {
    ACCORD_ASSERT(list[i] >= 0 && list[i] < from.rows());
    std::copy_n(from[list[i]], to.columns(), to[i]);
  });
}
template void gather_rows<double>(Queue&, ConstView, ConstView, View);
template void gather_rows<float>(Queue&, ConstView, ConstView, View);

// Threads share the columns, so that each element has its terms added in the order of the list.
template <class T>
void add_rows(Queue&, ConstView from_view, ConstView from_rows, View to_view, ConstView to_rows) {
  Matrix<T const> const from(from_view);
  Matrix<T> const to(to_view);
  RowList const sources(from_rows), targets(to_rows);
  Index const count = from_rows ? from_rows.size() : to_rows ? to_rows.size() : from.rows();
  Index const least_columns =
      std::max<Index>(16, thread_grain / std::max<Index>(count, 1));  // a cache line each
  parallel_for(to.columns(), least_columns, [&](Index begin, Index end) {
    for (Index i = 0; i < count; ++i) {
      ACCORD_ASSERT(sources[i] >= 0 && sources[i] < from.rows() && targets[i] >= 0 &&
                    targets[i] < to.rows());
      T const* const source = from[sources[i]];
      T* const target = to[targets[i]];
#pragma omp simd
      for (Index j = begin; j < end; ++j) target[j] += source[j];
    }
  });
}
template void add_rows<double>(Queue&, ConstView, ConstView, View, ConstView);
template void add_rows<float>(Queue&, ConstView, ConstView, View, ConstView);

}  // namespace accord::cpu
