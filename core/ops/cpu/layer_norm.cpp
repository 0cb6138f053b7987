#include "core/ops/layer_norm.hpp"

#include <array>
#include <cmath>

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

template <class T>
T sum_of(T const* x, Index n) {
  T sum = 0;
#pragma omp simd reduction(+ : sum)
  for (Index j = 0; j < n; ++j) sum += x[j];
  return sum;
}

template <class T>
T centred_squares_of(T const* x, T mean, Index n) {
  T squares = 0;
#pragma omp simd reduction(+ : squares)
  for (Index j = 0; j < n; ++j) squares += (x[j] - mean) * (x[j] - mean);
  return squares;
}

template <class T>
T inverse_deviation(T squares, Index width) {
  return 1 / std::sqrt(squares / static_cast<T>(width) + static_cast<T>(layer_norm_epsilon));
}

/// y = (x - mean) rstd weight + bias; y may be x.
template <class T>
void normalise_row(T const* x, T mean, T rstd, T const* weight, T const* bias, Index n, T* y) {
  if (weight && bias) {
#pragma omp simd
    for (Index j = 0; j < n; ++j) y[j] = (x[j] - mean) * rstd * weight[j] + bias[j];
  } else {
#pragma omp simd
    for (Index j = 0; j < n; ++j) y[j] = (x[j] - mean) * rstd;
    if (weight)
      for (Index j = 0; j < n; ++j) y[j] *= weight[j];
    if (bias)
      for (Index j = 0; j < n; ++j) y[j] += bias[j];
  }
}

/// {sum_j g_j, sum_j g_j xhat_j}, g = dy weight; adds dy xhat and dy to dweight and dbias if given.
/// `weight` is never null here.
template <class T>
std::array<T, 2> backward_sums_of(T const* dy, T const* x, T const* weight, T mean, T rstd, Index n,
                                  T* dweight, T* dbias) {
  T sum = 0, weighted = 0;
  if (dweight && dbias) {
#pragma omp simd reduction(+ : sum, weighted)
    for (Index j = 0; j < n; ++j) {
      T const g = dy[j] * weight[j], normed = (x[j] - mean) * rstd;
      sum += g;
      weighted += g * normed;
      dweight[j] += dy[j] * normed;
      dbias[j] += dy[j];
    }
  } else {
#pragma omp simd reduction(+ : sum, weighted)
    for (Index j = 0; j < n; ++j) {
      T const g = dy[j] * weight[j];
      sum += g;
      weighted += g * ((x[j] - mean) * rstd);
    }
    if (dweight)
      for (Index j = 0; j < n; ++j) dweight[j] += dy[j] * ((x[j] - mean) * rstd);
    if (dbias)
      for (Index j = 0; j < n; ++j) dbias[j] += dy[j];
  }
  return {sum, weighted};
}

/// dx = or += rstd (g - (sums[0] + xhat sums[1]) / width); dx may be dy.
template <Write write, class T>
void backward_row(T const* dy, T const* x, T const* weight, T mean, T rstd, std::array<T, 2> sums,
                  Index width, Index n, T* dx) {
  T const first = sums[0] / static_cast<T>(width), second = sums[1] / static_cast<T>(width);
#pragma omp simd
  for (Index j = 0; j < n; ++j) {
    T const value = rstd * (dy[j] * weight[j] - first - (x[j] - mean) * rstd * second);
    dx[j] = write == Write::accumulate ? dx[j] + value : value;
  }
}

/// The weight, or ones in its place.
template <class T>
class Weight {
 public:
  Weight(Queue& queue, ConstView weight, Index n) : given_(optional_values<T>(weight)) {
    if (given_) return;
    ones_ = Tensor(queue, dtype_of<T>, Shape{n});
    std::fill_n(ones_.view().template as<T>(), n, T{1});
    given_ = ones_.view().template as<T>();
  }
  operator T const*() const { return given_; }

 private:
  Tensor ones_;
  T const* given_;
};

/// Runs body(row, dweight, dbias) over all rows and adds what it leaves in the two; either may be
/// missing.
template <class T, class Body>
void with_parameter_gradients(Queue& queue, Index rows, Index n, View dweight_view, View dbias_view,
                              Body&& body) {
  T *const dweight = optional_values<T>(dweight_view), *const dbias =
                                                           optional_values<T>(dbias_view);
  if (!dweight && !dbias) {
    for_each_row(rows, n,
                 [&](Index i) { body(i, static_cast<T*>(nullptr), static_cast<T*>(nullptr)); });
    return;
  }
  Tensor both = Tensor::zeros(queue, dtype_of<T>, Shape{2 * n});
  T* const sums = both.view().template as<T>();
  for_each_row_with_sums(queue, rows, 2 * n, sums, [&](Index i, T* into) {
    body(i, dweight ? into : nullptr, dbias ? into + n : nullptr);
  });
  for (Index j = 0; dweight && j < n; ++j) dweight[j] += sums[j];
  for (Index j = 0; dbias && j < n; ++j) dbias[j] += sums[n + j];
}

}  // namespace

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
  with_parameter_gradients<T>(
      queue, dy.rows(), n, dweight, dbias, [&](Index i, T* dweight_row, T* dbias_row) {
        Index const row = list[i];
        std::array<T, 2> const sums =
            backward_sums_of<T>(dy[i], x[row], weight, mean[i], rstd[i], n, dweight_row, dbias_row);
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
  with_parameter_gradients<T>(
      queue, x.rows(), n, dweight, dbias, [&](Index i, T* dweight_row, T* dbias_row) {
        std::array<T, 2> const row =
            backward_sums_of<T>(dy[i], x[i], weight, mean[i], rstd[i], n, dweight_row, dbias_row);
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
