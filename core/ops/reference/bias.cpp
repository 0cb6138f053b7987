#include "core/ops/bias.hpp"

#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void bias_forward(Queue&, ConstView bias_view, View y_view) {
  T const* const bias = bias_view.as<T>();
  Matrix<T> const y(y_view);
  for (Index i = 0; i < y.rows(); ++i)
    for (Index j = 0; j < y.columns(); ++j) y[i][j] += bias[j];
}
template void bias_forward<double>(Queue&, ConstView, View);
template void bias_forward<float>(Queue&, ConstView, View);

template <class T>
void bias_backward(Queue&, ConstView dy_view, View dbias_view) {
  Matrix<T const> const dy(dy_view);
  T* const dbias = dbias_view.as<T>();
  for (Index j = 0; j < dy.columns(); ++j) {
    double sum = 0;
    for (Index i = 0; i < dy.rows(); ++i) sum += dy[i][j];
    dbias[j] += static_cast<T>(sum);
  }
}
template void bias_backward<double>(Queue&, ConstView, View);
template void bias_backward<float>(Queue&, ConstView, View);

}  // namespace accord::reference
