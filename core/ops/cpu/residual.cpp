#include "core/ops/residual.hpp"

#include "core/ops/cpu/row_chunks.hpp"
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
    T const* const from = branch[i];
    T* const to = x[list[i]];
    T const factor = factors ? factors[i] : T{1};
    if (gamma) {
#pragma omp simd
      for (Index j = 0; j < n; ++j) to[j] += factor * gamma[j] * from[j];
    } else {
#pragma omp simd
      for (Index j = 0; j < n; ++j) to[j] += factor * from[j];
    }
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
  auto const write_row = [&](Index i) {
    T const* const from = dx[list[i]];
    T* const to = dbranch[i];
    T const factor = factors ? factors[i] : T{1};
    if (gamma) {
#pragma omp simd
      for (Index j = 0; j < n; ++j) to[j] = factor * gamma[j] * from[j];
    } else {
#pragma omp simd
      for (Index j = 0; j < n; ++j) to[j] = factor * from[j];
    }
  };
  if (!dgamma_view) {
    for_each_row(dbranch.rows(), n, write_row);
    return;
  }
  Matrix<T const> const branch(branch_view);
  for_each_row_with_sums(queue, dbranch.rows(), n, dgamma_view.as<T>(), [&](Index i, T* dgamma) {
    T const *const value = branch[i], *const from = dx[list[i]];
    T const factor = factors ? factors[i] : T{1};
#pragma omp simd
    for (Index j = 0; j < n; ++j) dgamma[j] += factor * value[j] * from[j];
    write_row(i);  // after branch is read: dbranch may be branch
  });
}
template void residual_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                        ConstView, View, View);
template void residual_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                       ConstView, View, View);

}  // namespace accord::cpu
