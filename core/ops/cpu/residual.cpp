#include "core/ops/residual.hpp"

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/cpu/row_residual.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {

template <class T>
void residual_forward(Queue&, ConstView branch_view, ConstView rows, ConstView row_scale,
                      ConstView gamma_view, View x_view) {
  Matrix<T const> const branch(branch_view);
  Matrix<T> const x(x_view);
  RowList const list(rows);
  T const *const factors = optional_values<T>(row_scale), *const gamma =
                                                              optional_values<T>(gamma_view);
  Index const n = x.columns();
  for_each_row(branch.rows(), n, [&](Index i) {
    T* const to = x[list[i]];
    add_branch<T>(to, branch[i], factors ? factors[i] : T{1}, gamma, n, to);
  });
}
template void residual_forward<double>(Queue&, ConstView, ConstView, ConstView, ConstView, View);
template void residual_forward<float>(Queue&, ConstView, ConstView, ConstView, ConstView, View);

template <class T>
void residual_backward(Queue& queue, ConstView dx_view, ConstView branch_view, ConstView rows,
                       ConstView row_scale, ConstView gamma_view, View dbranch_view,
                       View dgamma_view) {
  Matrix<T const> const dx(dx_view);
  Matrix<T> const dbranch(dbranch_view);
  RowList const list(rows);
  T const *const factors = optional_values<T>(row_scale), *const gamma =
                                                              optional_values<T>(gamma_view);
  Index const n = dx.columns();
  Matrix<T const> const branch(dgamma_view ? branch_view : ConstView(dbranch_view));
  auto const row = [&](Index i, T* dgamma) {
    branch_gradient<T>(dx[list[i]], branch[i], factors ? factors[i] : T{1}, gamma, n, dbranch[i],
                       dgamma);
  };
  if (dgamma_view)
    for_each_row_with_sums(queue, dbranch.rows(), n, dgamma_view.as<T>(), row);
  else
    for_each_row(dbranch.rows(), n, [&](Index i) { row(i, nullptr); });
}
template void residual_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                        ConstView, View, View);
template void residual_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                       ConstView, View, View);

}  // namespace accord::cpu
