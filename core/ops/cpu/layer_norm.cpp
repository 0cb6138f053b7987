#include "core/ops/layer_norm.hpp"

#include <array>

#include "core/ops/cpu/row_norm.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
template <class T>
void layer_norm_forward(Queue&, ConstView x_view, ConstView rows, ConstView weight_view,
                        ConstView bias_view, View y_view, View mean_view, View rstd_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  RowList const list(rows);
  T const *const weight = optional_values<T>(weight_view), *const bias =
                                                               optional_values<T>(bias_view);
  T *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  Index const n = x.columns();
  for_each_row(y.rows(), n, [&](Index i) {
    T const* const from = x[list[i]];
    mean[i] = sum_of(from, n) / static_cast<T>(n);
    rstd[i] = inverse_deviation(centred_squares_of(from, mean[i], n), n);
    normalise_row(from, mean[i], rstd[i], weight, bias, n, y[i]);
  });
}
template void layer_norm_forward<double>(Queue&, ConstView, ConstView, ConstView, ConstView, View,
                                         View, View);
template void layer_norm_forward<float>(Queue&, ConstView, ConstView, ConstView, ConstView, View,
                                        View, View);

template <class T>
void layer_norm_backward(Queue& queue, ConstView dy_view, ConstView x_view, ConstView rows,
                         ConstView weight_view, ConstView mean_view, ConstView rstd_view,
                         Write write, View dx_view, View dweight, View dbias) {
  Matrix<T const> const dy(dy_view), x(x_view);
  Matrix<T> const dx(dx_view);
  RowList const list(rows);
  T const *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  Index const n = x.columns();
  Weight<T> const weight(queue, weight_view, n);
  with_column_sums<T, 2>(
      queue, dy.rows(), n, {dweight, dbias}, [&](Index i, std::array<T*, 2> const& into) {
        Index const row = list[i];
        std::array<T, 2> const sums =
            backward_sums_of<T>(dy[i], x[row], weight, mean[i], rstd[i], n, into[0], into[1]);
        if (write == Write::accumulate)
          backward_row<Write::accumulate, T>(dy[i], x[row], weight, mean[i], rstd[i], sums, n, n,
                                             dx[row]);
        else
          backward_row<Write::overwrite, T>(dy[i], x[row], weight, mean[i], rstd[i], sums, n, n,
                                            dx[row]);
      });
}
template void layer_norm_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                          ConstView, ConstView, Write, View, View, View);
template void layer_norm_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ConstView, ConstView, Write, View, View, View);

template <class T>
void row_sum(Queue&, ConstView x_view, View sum_view) {
  Matrix<T const> const x(x_view);
  T* const sum = sum_view.as<T>();
  for_each_row(x.rows(), x.columns(), [&](Index i) { sum[i] = sum_of(x[i], x.columns()); });
}
template void row_sum<double>(Queue&, ConstView, View);
template void row_sum<float>(Queue&, ConstView, View);

template <class T>
void row_centred_squares(Queue&, ConstView x_view, ConstView sum_view, Index width,
                         View squares_view) {
  Matrix<T const> const x(x_view);
  T const* const sum = sum_view.as<T>();
  T* const squares = squares_view.as<T>();
  for_each_row(x.rows(), x.columns(), [&](Index i) {
    squares[i] = centred_squares_of(x[i], sum[i] / static_cast<T>(width), x.columns());
  });
}
template void row_centred_squares<double>(Queue&, ConstView, ConstView, Index, View);
template void row_centred_squares<float>(Queue&, ConstView, ConstView, Index, View);

template <class T>
void layer_norm_apply(Queue&, ConstView x_view, ConstView sum_view, ConstView squares_view,
                      Index width, ConstView weight_view, ConstView bias_view, View y_view,
                      View mean_view, View rstd_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  T const *const sum = sum_view.as<T>(), *const squares = squares_view.as<T>();
  T const *const weight = optional_values<T>(weight_view), *const bias =
                                                               optional_values<T>(bias_view);
  T *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  for_each_row(x.rows(), x.columns(), [&](Index i) {
    mean[i] = sum[i] / static_cast<T>(width);
    rstd[i] = inverse_deviation(squares[i], width);
    normalise_row(x[i], mean[i], rstd[i], weight, bias, x.columns(), y[i]);
  });
}
template void layer_norm_apply<double>(Queue&, ConstView, ConstView, ConstView, Index, ConstView,
                                       ConstView, View, View, View);
template void layer_norm_apply<float>(Queue&, ConstView, ConstView, ConstView, Index, ConstView,
                                      ConstView, View, View, View);

template <class T>
void layer_norm_backward_sums(Queue& queue, ConstView dy_view, ConstView x_view,
                              ConstView weight_view, ConstView mean_view, ConstView rstd_view,
                              View sums_view, View dweight, View dbias) {
  Matrix<T const> const dy(dy_view), x(x_view);
  T const *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>();
  T* const sums = sums_view.as<T>();
  Index const n = x.columns();
  Weight<T> const weight(queue, weight_view, n);
  with_column_sums<T, 2>(
      queue, x.rows(), n, {dweight, dbias}, [&](Index i, std::array<T*, 2> const& into) {
        std::array<T, 2> const row =
            backward_sums_of<T>(dy[i], x[i], weight, mean[i], rstd[i], n, into[0], into[1]);
        sums[2 * i] = row[0];
        sums[2 * i + 1] = row[1];
      });
}
template void layer_norm_backward_sums<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                               ConstView, View, View, View);
template void layer_norm_backward_sums<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                              ConstView, View, View, View);

template <class T>
void layer_norm_backward_apply(Queue& queue, ConstView dy_view, ConstView x_view,
                               ConstView weight_view, ConstView mean_view, ConstView rstd_view,
                               ConstView sums_view, Index width, View dx_view) {
  Matrix<T const> const dy(dy_view), x(x_view);
  Matrix<T> const dx(dx_view);
  T const *const mean = mean_view.as<T>(), *const rstd = rstd_view.as<T>(),
                 *const sums = sums_view.as<T>();
  Index const n = x.columns();
  Weight<T> const weight(queue, weight_view, n);
  for_each_row(x.rows(), n, [&](Index i) {
    backward_row<Write::overwrite, T>(dy[i], x[i], weight, mean[i], rstd[i],
                                      {sums[2 * i], sums[2 * i + 1]}, width, n, dx[i]);
  });
}
template void layer_norm_backward_apply<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                                ConstView, ConstView, Index, View);
template void layer_norm_backward_apply<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                               ConstView, ConstView, Index, View);

}  // namespace accord::cpu
