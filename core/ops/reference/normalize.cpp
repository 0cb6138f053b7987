#include "core/ops/normalize.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void normalize_forward(Queue&, ConstView x_view, View y_view, View inverse_norm) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  for (Index i = 0; i < x.rows(); ++i) {
    double squares = 0;
    for (Index j = 0; j < x.columns(); ++j) squares += double{x[i][j]} * x[i][j];
    double const inverse = 1 / std::max(std::sqrt(squares), normalize_epsilon);
    for (Index j = 0; j < x.columns(); ++j) y[i][j] = static_cast<T>(x[i][j] * inverse);
    inverse_norm.as<T>()[i] = static_cast<T>(inverse);
  }
}
template void normalize_forward<double>(Queue&, ConstView, View, View);
template void normalize_forward<float>(Queue&, ConstView, View, View);

template <class T>
void normalize_backward(Queue&, ConstView dy_view, ConstView y_view, ConstView inverse_norm,
                        View dx_view) {
  Matrix<T const> const dy(dy_view), y(y_view);
  Matrix<T> const dx(dx_view);
  for (Index i = 0; i < y.rows(); ++i) {
    T const inverse = inverse_norm.as<T>()[i];
    double dot = 0;
    for (Index j = 0; j < y.columns(); ++j) dot += double{y[i][j]} * dy[i][j];
    if (inverse >= static_cast<T>(1 / normalize_epsilon)) dot = 0;  // the clamped norm is constant
    for (Index j = 0; j < y.columns(); ++j)
      dx[i][j] = static_cast<T>(inverse * (dy[i][j] - y[i][j] * dot));
  }
}
template void normalize_backward<double>(Queue&, ConstView, ConstView, ConstView, View);
template void normalize_backward<float>(Queue&, ConstView, ConstView, ConstView, View);

}  // namespace accord::reference
