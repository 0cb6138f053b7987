#pragma once
// LayerNorm of one row, forward and backward: what all ops that end or begin with a norm are made
// of.

#include <array>
#include <cmath>

#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {

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

/// dx = or += rstd (g - (sums[0] + xhat sums[1]) / width); dx may be dy or x.
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

/// Runs body(row, sums) over all rows, where sums[k] has n elements to add to, and adds those up to
/// results[k]; null where a result is not given.
template <class T, std::size_t N, class Body>
void with_column_sums(Queue& queue, Index rows, Index n, std::array<View, N> const& results,
                      Body&& body) {
  std::array<T*, N> into{};
  if (std::none_of(results.begin(), results.end(), [](View view) { return bool(view); })) {
    for_each_row(rows, n, [&](Index i) { body(i, into); });
    return;
  }
  Tensor all = Tensor::zeros(queue, dtype_of<T>, Shape{static_cast<Index>(N) * n});
  T* const sums = all.view().template as<T>();
  for_each_row_with_sums(queue, rows, static_cast<Index>(N) * n, sums, [&](Index i, T* partial) {
    std::array<T*, N> at{};
    for (std::size_t k = 0; k < N; ++k)
      if (results[k]) at[k] = partial + static_cast<Index>(k) * n;
    body(i, at);
  });
  for (std::size_t k = 0; k < N; ++k)
    if (results[k])
      for (Index j = 0; j < n; ++j)
        results[k].template as<T>()[j] += sums[static_cast<Index>(k) * n + j];
}

}  // namespace accord::cpu
