#include "core/ops/normalize.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

template <class T>
T dot(T const* a, T const* b, Index n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index j = 0; j < n; ++j) sum += a[j] * b[j];
  return sum;
}

}  // namespace

template <class T>
void normalize_forward(Queue&, ConstView x_view, View y_view, View inverse_norm_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  T* const inverse_norm = inverse_norm_view.as<T>();
  Index const n = x.columns();
  for_each_row(x.rows(), n, [&](Index i) {
    T const* const from = x[i];
    T* const to = y[i];
    T const inverse =
        1 / std::max(std::sqrt(dot(from, from, n)), static_cast<T>(normalize_epsilon));
#pragma omp simd
    for (Index j = 0; j < n; ++j) to[j] = from[j] * inverse;
    inverse_norm[i] = inverse;
  });
}
template void normalize_forward<double>(Queue&, ConstView, View, View);
template void normalize_forward<float>(Queue&, ConstView, View, View);

template <class T>
void normalize_backward(Queue&, ConstView dy_view, ConstView y_view, ConstView inverse_norm_view,
                        View dx_view) {
  Matrix<T const> const dy(dy_view), y(y_view);
  Matrix<T> const dx(dx_view);
  T const* const inverse_norm = inverse_norm_view.as<T>();
  Index const n = y.columns();
  for_each_row(y.rows(), n, [&](Index i) {
    T const inverse = inverse_norm[i];
    T const *const upstream = dy[i], *const unit = y[i];
    T* const to = dx[i];
    bool const clamped = inverse >= 1 / static_cast<T>(normalize_epsilon);  // the norm is constant
    T const along = clamped ? T{0} : dot(unit, upstream, n);
#pragma omp simd
    for (Index j = 0; j < n; ++j) to[j] = inverse * (upstream[j] - unit[j] * along);
  });
}
template void normalize_backward<double>(Queue&, ConstView, ConstView, ConstView, View);
template void normalize_backward<float>(Queue&, ConstView, ConstView, ConstView, View);

}  // namespace accord::cpu
