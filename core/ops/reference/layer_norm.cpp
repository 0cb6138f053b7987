#include "core/ops/layer_norm.hpp"

#include <array>
#include <cmath>

#include "core/ops/matrix.hpp"

namespace accord::reference {
namespace {

/// weight and bias of an affine part that may be missing.
template <class T>
struct Affine {
  T const *weight_or_null, *bias_or_null;
  double weight(Index j) const { return weight_or_null ? weight_or_null[j] : 1; }
  double bias(Index j) const { return bias_or_null ? bias_or_null[j] : 0; }
};

template <class T>
void normalise_row(T const* x, double mean, double rstd, Affine<T> affine, Index n, T* y) {
  for (Index j = 0; j < n; ++j)
    y[j] = static_cast<T>((x[j] - mean) * rstd * affine.weight(j) + affine.bias(j));
}

double inverse_deviation(double squares, Index width) {
  return 1 / std::sqrt(squares / static_cast<double>(width) + layer_norm_epsilon);
}

/// The arguments that every part of the backward reads. Row i of dy belongs to row list[i] of x.
template <class T>
struct Backward {
  Backward(ConstView dy, ConstView x, ConstView rows, ConstView weight, ConstView mean,
           ConstView rstd)
      : dy(dy),
        x(x),
        list(rows),
        affine{optional_values<T>(weight), nullptr},
        mean(mean.as<T>()),
        rstd(rstd.as<T>()) {}

  double g(Index i, Index j) const { return dy[i][j] * affine.weight(j); }
  double normed(Index i, Index j) const { return (x[list[i]][j] - mean[i]) * double{rstd[i]}; }

  /// {sum_j g_ij, sum_j g_ij xhat_ij}
  std::array<double, 2> sums(Index i) const {
    double sum = 0, weighted = 0;
    for (Index j = 0; j < dy.columns(); ++j) {
      sum += g(i, j);
      weighted += g(i, j) * normed(i, j);
    }
    return {sum, weighted};
  }
  double dx(Index i, Index j, std::array<double, 2> const& sums, Index width) const {
    return rstd[i] * (g(i, j) - (sums[0] + normed(i, j) * sums[1]) / static_cast<double>(width));
  }
  void add_parameter_gradients(View dweight_view, View dbias_view) const {
    T *const dweight = optional_values<T>(dweight_view), *const dbias =
                                                             optional_values<T>(dbias_view);
    for (Index j = 0; j < dy.columns(); ++j) {
      double weight_sum = 0, bias_sum = 0;
      for (Index i = 0; i < dy.rows(); ++i) {
        weight_sum += dy[i][j] * normed(i, j);
        bias_sum += dy[i][j];
      }
      if (dweight) dweight[j] += static_cast<T>(weight_sum);
      if (dbias) dbias[j] += static_cast<T>(bias_sum);
    }
  }

  Matrix<T const> dy, x;
  RowList list;
  Affine<T> affine;
  T const *mean, *rstd;
};

}  // namespace

template <class T>
void layer_norm_forward(Queue&, ConstView x_view, ConstView rows, ConstView weight, ConstView bias,
                        View y_view, View mean_view, View rstd_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  RowList const list(rows);
  Affine<T> const affine{optional_values<T>(weight), optional_values<T>(bias)};
  Index const n = x.columns();
  for (Index i = 0; i < y.rows(); ++i) {
    T const* const from = x[list[i]];
    double sum = 0, squares = 0;
    for (Index j = 0; j < n; ++j) sum += from[j];
    double const mean = sum / static_cast<double>(n);
    for (Index j = 0; j < n; ++j) squares += (from[j] - mean) * (from[j] - mean);
    double const rstd = inverse_deviation(squares, n);
    normalise_row(from, mean, rstd, affine, n, y[i]);
    mean_view.as<T>()[i] = static_cast<T>(mean);
    rstd_view.as<T>()[i] = static_cast<T>(rstd);
  }
}
template void layer_norm_forward<double>(Queue&, ConstView, ConstView, ConstView, ConstView, View,
                                         View, View);
template void layer_norm_forward<float>(Queue&, ConstView, ConstView, ConstView, ConstView, View,
                                        View, View);

template <class T>
void layer_norm_backward(Queue&, ConstView dy, ConstView x, ConstView rows, ConstView weight,
                         ConstView mean, ConstView rstd, Write write, View dx_view, View dweight,
                         View dbias) {
  Backward<T> const at(dy, x, rows, weight, mean, rstd);
  at.add_parameter_gradients(dweight, dbias);
  Matrix<T> const dx(dx_view);
  for (Index i = 0; i < at.dy.rows(); ++i) {
    std::array<double, 2> const sums = at.sums(i);
    T* const to = dx[at.list[i]];
    for (Index j = 0; j < dx.columns(); ++j) {
      double const kept = write == Write::accumulate ? to[j] : 0;
      to[j] = static_cast<T>(kept + at.dx(i, j, sums, dx.columns()));
    }
  }
}
template void layer_norm_backward<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                          ConstView, ConstView, Write, View, View, View);
template void layer_norm_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ConstView, ConstView, Write, View, View, View);

template <class T>
void row_sum(Queue&, ConstView x_view, View sum_view) {
  Matrix<T const> const x(x_view);
  for (Index i = 0; i < x.rows(); ++i) {
    double sum = 0;
    for (Index j = 0; j < x.columns(); ++j) sum += x[i][j];
    sum_view.as<T>()[i] = static_cast<T>(sum);
  }
}
template void row_sum<double>(Queue&, ConstView, View);
template void row_sum<float>(Queue&, ConstView, View);

template <class T>
void row_centred_squares(Queue&, ConstView x_view, ConstView sum, Index width, View squares_view) {
  Matrix<T const> const x(x_view);
  for (Index i = 0; i < x.rows(); ++i) {
    double const mean = sum.as<T>()[i] / static_cast<double>(width);
    double squares = 0;
    for (Index j = 0; j < x.columns(); ++j) squares += (x[i][j] - mean) * (x[i][j] - mean);
    squares_view.as<T>()[i] = static_cast<T>(squares);
  }
}
template void row_centred_squares<double>(Queue&, ConstView, ConstView, Index, View);
template void row_centred_squares<float>(Queue&, ConstView, ConstView, Index, View);

template <class T>
void layer_norm_apply(Queue&, ConstView x_view, ConstView sum, ConstView squares, Index width,
                      ConstView weight, ConstView bias, View y_view, View mean_view,
                      View rstd_view) {
  Matrix<T const> const x(x_view);
  Matrix<T> const y(y_view);
  Affine<T> const affine{optional_values<T>(weight), optional_values<T>(bias)};
  for (Index i = 0; i < x.rows(); ++i) {
    double const mean = sum.as<T>()[i] / static_cast<double>(width);
    double const rstd = inverse_deviation(squares.as<T>()[i], width);
    normalise_row(x[i], mean, rstd, affine, x.columns(), y[i]);
    mean_view.as<T>()[i] = static_cast<T>(mean);
    rstd_view.as<T>()[i] = static_cast<T>(rstd);
  }
}
template void layer_norm_apply<double>(Queue&, ConstView, ConstView, ConstView, Index, ConstView,
                                       ConstView, View, View, View);
template void layer_norm_apply<float>(Queue&, ConstView, ConstView, ConstView, Index, ConstView,
                                      ConstView, View, View, View);

template <class T>
void layer_norm_backward_sums(Queue&, ConstView dy, ConstView x, ConstView weight, ConstView mean,
                              ConstView rstd, View sums_view, View dweight, View dbias) {
  Backward<T> const at(dy, x, ConstView{}, weight, mean, rstd);
  at.add_parameter_gradients(dweight, dbias);
  for (Index i = 0; i < at.dy.rows(); ++i) {
    std::array<double, 2> const sums = at.sums(i);
    sums_view.as<T>()[2 * i] = static_cast<T>(sums[0]);
    sums_view.as<T>()[2 * i + 1] = static_cast<T>(sums[1]);
  }
}
template void layer_norm_backward_sums<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                               ConstView, View, View, View);
template void layer_norm_backward_sums<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                              ConstView, View, View, View);

template <class T>
void layer_norm_backward_apply(Queue&, ConstView dy, ConstView x, ConstView weight, ConstView mean,
                               ConstView rstd, ConstView sums_view, Index width, View dx_view) {
  Backward<T> const at(dy, x, ConstView{}, weight, mean, rstd);
  T const* const sums = sums_view.as<T>();
  Matrix<T> const dx(dx_view);
  for (Index i = 0; i < dx.rows(); ++i)
    for (Index j = 0; j < dx.columns(); ++j)
      dx[i][j] = static_cast<T>(at.dx(i, j, {sums[2 * i], sums[2 * i + 1]}, width));
}
template void layer_norm_backward_apply<double>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                                ConstView, ConstView, Index, View);
template void layer_norm_backward_apply<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                               ConstView, ConstView, Index, View);

}  // namespace accord::reference
