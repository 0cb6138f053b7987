#include "core/ops/activation.hpp"

#include "core/ops/cpu/math.hpp"
#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

// `omp simd` promises that iterations are independent: outputs may be inputs, element by element.
namespace accord::cpu {

template <class T>
void gelu_forward(Queue&, ConstView x_view, View y_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  for_each_row(x.rows(), x.columns(), [&](Index i) {
    T const* const from = x[i];
    T* const to = y[i];
#pragma omp simd
    for (Index j = 0; j < x.columns(); ++j) to[j] = from[j] * normal(from[j]).cdf;
  });
}
template void gelu_forward<double>(Queue&, ConstView, View);
template void gelu_forward<float>(Queue&, ConstView, View);

template <class T>
void gelu_backward(Queue&, ConstView dy_view, ConstView x_view, View dx_view) {
  Matrix<T const> const dy(dy_view), x(x_view);
  Matrix<T> const dx(dx_view);
  for_each_row(x.rows(), x.columns(), [&](Index i) {
    T const *const upstream = dy[i], *const from = x[i];
    T* const to = dx[i];
#pragma omp simd
    for (Index j = 0; j < x.columns(); ++j) {
      Normal<T> const at = normal(from[j]);
      to[j] = upstream[j] * (at.cdf + from[j] * at.density);
    }
  });
}
template void gelu_backward<double>(Queue&, ConstView, ConstView, View);
template void gelu_backward<float>(Queue&, ConstView, ConstView, View);

template <class T>
void geglu_forward(Queue&, ConstView gate_up_view, View y_view) {
  Matrix<T const> const gate_up(gate_up_view);
  Matrix<T> const y(y_view);
  Index const f = y.columns();
  for_each_row(y.rows(), 3 * f, [&](Index i) {
    T const *const gate = gate_up[i], *const up = gate + f;
    T* const to = y[i];
#pragma omp simd
    for (Index j = 0; j < f; ++j) to[j] = gate[j] * normal(gate[j]).cdf * up[j];
  });
}
template void geglu_forward<double>(Queue&, ConstView, View);
template void geglu_forward<float>(Queue&, ConstView, View);

template <class T>
void geglu_backward(Queue&, ConstView dy_view, ConstView gate_up_view, View dgate_up_view) {
  Matrix<T const> const dy(dy_view), gate_up(gate_up_view);
  Matrix<T> const dgate_up(dgate_up_view);
  Index const f = dy.columns();
  for_each_row(dy.rows(), 5 * f, [&](Index i) {
    T const *const upstream = dy[i], *const gate = gate_up[i], *const up = gate + f;
    T *const dgate = dgate_up[i], *const dup = dgate + f;
#pragma omp simd
    for (Index j = 0; j < f; ++j) {
      T const g = gate[j], u = up[j], d = upstream[j];
      Normal<T> const at = normal(g);
      dgate[j] = d * u * (at.cdf + g * at.density);
      dup[j] = d * g * at.cdf;
    }
  });
}
template void geglu_backward<double>(Queue&, ConstView, ConstView, View);
template void geglu_backward<float>(Queue&, ConstView, ConstView, View);

}  // namespace accord::cpu
