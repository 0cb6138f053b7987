#include "core/ops/residual.hpp"

#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void residual_forward(Queue&, ConstView branch_view, ConstView rows, ConstView row_scale,
                      ConstView gamma_view, View x_view) {
  Matrix<T const> const branch(branch_view);
  Matrix<T> const x(x_view);
  RowList const list(rows);
  T const *const factor = optional_values<T>(row_scale), *const gamma =
                                                             optional_values<T>(gamma_view);
  for (Index i = 0; i < branch.rows(); ++i) {
    double const row_factor = factor ? factor[i] : 1;
    for (Index j = 0; j < x.columns(); ++j)
      x[list[i]][j] += static_cast<T>(row_factor * (gamma ? gamma[j] : 1) * branch[i][j]);
  }
}
template void residual_forward<double>(Queue&, ConstView, ConstView, ConstView, ConstView, View);
template void residual_forward<float>(Queue&, ConstView, ConstView, ConstView, ConstView, View);

template <class T>
void residual_backward(Queue&, ConstView dx_view, ConstView branch_view, ConstView rows,
                       ConstView row_scale, ConstView gamma_view, View dbranch_view,
                       View dgamma_view) {
  Matrix<T const> const dx(dx_view);
  Matrix<T> const dbranch(dbranch_view);
  RowList const list(rows);
  T const *const factor = optional_values<T>(row_scale), *const gamma =
                                                             optional_values<T>(gamma_view);
  for (Index i = 0; i < dbranch.rows(); ++i) {
    double const row_factor = factor ? factor[i] : 1;
    for (Index j = 0; j < dx.columns(); ++j)
      dbranch[i][j] = static_cast<T>(row_factor * (gamma ? gamma[j] : 1) * dx[list[i]][j]);
  }
  if (!dgamma_view) return;
  Matrix<T const> const branch(branch_view);
  for (Index j = 0; j < dx.columns(); ++j) {
    double sum = 0;
    for (Index i = 0; i < branch.rows(); ++i)
      sum += (factor ? factor[i] : 1) * double{branch[i][j]} * dx[list[i]][j];
    dgamma_view.as<T>()[j] += static_cast<T>(sum);
  }
}
template void residual_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                        ConstView, View, View);
template void residual_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                       ConstView, View, View);

}  // namespace accord::reference
