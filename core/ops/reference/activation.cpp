#include "core/ops/activation.hpp"

#include <cmath>
#include <numbers>

#include "core/ops/matrix.hpp"

namespace accord::reference {
namespace {

double gelu(double x) { return x * 0.5 * std::erfc(-x / std::numbers::sqrt2); }

double gelu_derivative(double x) {
  double const density = std::exp(-0.5 * x * x) / std::sqrt(2 * std::numbers::pi);
  return 0.5 * std::erfc(-x / std::numbers::sqrt2) + x * density;
}

}  // namespace

template <class T>
void gelu_forward(Queue&, ConstView x_view, View y_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.columns(); ++j) y[i][j] = static_cast<T>(gelu(x[i][j]));
}
template void gelu_forward<double>(Queue&, ConstView, View);
template void gelu_forward<float>(Queue&, ConstView, View);

template <class T>
void gelu_backward(Queue&, ConstView dy_view, ConstView x_view, View dx_view) {
  Matrix<T const> const dy(dy_view), x(x_view);
  Matrix<T> const dx(dx_view);
  for (Index i = 0; i < x.rows(); ++i)
    for (Index j = 0; j < x.columns(); ++j)
      dx[i][j] = static_cast<T>(dy[i][j] * gelu_derivative(x[i][j]));
}
template void gelu_backward<double>(Queue&, ConstView, ConstView, View);
template void gelu_backward<float>(Queue&, ConstView, ConstView, View);

template <class T>
void geglu_forward(Queue&, ConstView gate_up, View y_view) {
  Matrix<T> const y(y_view);
  Index const f = y.columns();
  Matrix<T const> const gate(gate_up.columns(0, f)), up(gate_up.columns(f, f));
  for (Index i = 0; i < y.rows(); ++i)
    for (Index j = 0; j < f; ++j) y[i][j] = static_cast<T>(gelu(gate[i][j]) * up[i][j]);
}
template void geglu_forward<double>(Queue&, ConstView, View);
template void geglu_forward<float>(Queue&, ConstView, View);

template <class T>
void geglu_backward(Queue&, ConstView dy_view, ConstView gate_up, View dgate_up) {
  Matrix<T const> const dy(dy_view);
  Index const f = dy.columns();
  Matrix<T const> const gate(gate_up.columns(0, f)), up(gate_up.columns(f, f));
  Matrix<T> const dgate(dgate_up.columns(0, f)), dup(dgate_up.columns(f, f));
  for (Index i = 0; i < dy.rows(); ++i) {
    for (Index j = 0; j < f; ++j) {
      double const g = gate[i][j], u = up[i][j];  // read before written: dgate_up may be gate_up
      dgate[i][j] = static_cast<T>(dy[i][j] * u * gelu_derivative(g));
      dup[i][j] = static_cast<T>(dy[i][j] * gelu(g));
    }
  }
}
template void geglu_backward<double>(Queue&, ConstView, ConstView, View);
template void geglu_backward<float>(Queue&, ConstView, ConstView, View);

}  // namespace accord::reference
