#include "core/ops/bias.hpp"

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {

template <class T>
void bias_forward(Queue&, ConstView bias_view, View y_view) {
  T const* const bias = bias_view.as<T>();
  Matrix<T> const y(y_view);
  for_each_row(y.rows(), y.columns(), [&](Index i) {
    T* const row = y[i];
    for (Index j = 0; j < y.columns(); ++j) row[j] += bias[j];
  });
}
template void bias_forward<double>(Queue&, ConstView, View);
template void bias_forward<float>(Queue&, ConstView, View);

template <class T>
void bias_backward(Queue& queue, ConstView dy_view, View dbias_view) {
  Matrix<T const> const dy(dy_view);
  for_each_row_with_sums(queue, dy.rows(), dy.columns(), dbias_view.as<T>(), [&](Index i, T* sums) {
    T const* const row = dy[i];
    for (Index j = 0; j < dy.columns(); ++j) sums[j] += row[j];
  });
}
template void bias_backward<double>(Queue&, ConstView, View);
template void bias_backward<float>(Queue&, ConstView, View);

}  // namespace accord::cpu
