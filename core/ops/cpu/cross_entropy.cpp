#include "core/ops/cross_entropy.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/cpu/math.hpp"
#include "core/ops/cpu/row_chunks.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

// One row after another in parallel; body(row, sums) adds its loss to sums[0] and its hits to
// sums[1].
template <class T, class Body>
void for_each_sample(Queue& queue, Matrix<T const> const& logits, double share, View loss,
                     View correct, Body&& body) {
  double sums[2] = {0, 0};
  for_each_row_with_sums(queue, logits.rows(), 2, sums, body);
  *loss.as<T>() += static_cast<T>(share * sums[0]);
  *correct.as<T>() += static_cast<T>(sums[1]);
}

}  // namespace

template <class T>
void cross_entropy(Queue& queue, ConstView logits_view, ConstView labels_view,
                   double label_smoothing, double share, double weight, View loss, View correct,
                   View dlogits_view) {
  Matrix<T const> const logits(logits_view);
  Matrix<T> const dlogits(dlogits_view);
  Index const classes = logits.columns();
  std::int64_t const* const labels = labels_view.as<std::int64_t>();
  T const others = static_cast<T>(label_smoothing / static_cast<double>(classes));
  T const factor = static_cast<T>(weight * share);
  for_each_sample(queue, logits, share, loss, correct, [&](Index i, double* sums) {
    T const* const x = logits[i];
    T* const dx = dlogits[i];
    Index const label = labels[i];
    T const* const best = std::max_element(x, x + classes);
    T const largest = *best;
    T sum = 0, total = 0;
#pragma omp simd reduction(+ : sum, total)
    for (Index c = 0; c < classes; ++c) {
      total += x[c];
      sum += fast_exp(x[c] - largest);
    }
    T const lse = largest + std::log(sum);
#pragma omp simd
    for (Index c = 0; c < classes; ++c) dx[c] = factor * (fast_exp(x[c] - lse) - others);
    dx[label] -= factor * static_cast<T>(1 - label_smoothing);
    sums[0] += lse - (1 - label_smoothing) * x[label] - others * total;
    sums[1] += best - x == label;
  });
}
template void cross_entropy<double>(Queue&, ConstView, ConstView, double, double, double, View,
                                    View, View);
template void cross_entropy<float>(Queue&, ConstView, ConstView, double, double, double, View, View,
                                   View);

template <class T>
void binary_cross_entropy(Queue& queue, ConstView logits_view, ConstView targets_view, double share,
                          double weight, View loss, View correct, View dlogits_view) {
  Matrix<T const> const logits(logits_view);
  Matrix<std::uint8_t const> const targets(targets_view);
  Matrix<T> const dlogits(dlogits_view);
  Index const classes = logits.columns();
  T const factor = static_cast<T>(weight * share);
  for_each_sample(queue, logits, share, loss, correct, [&](Index i, double* sums) {
    T const* const x = logits[i];
    std::uint8_t const* const target = targets[i];
    T* const dx = dlogits[i];
    for (Index c = 0; c < classes; ++c) {
      T const tail = fast_exp(-std::fabs(x[c]));  // never overflows
      sums[0] += std::max(x[c], T{0}) + std::log1p(tail) - target[c] * x[c];
      T const logistic = (x[c] < 0 ? tail : T{1}) / (1 + tail);
      dx[c] = factor * (logistic - target[c]);
    }
    sums[1] += target[std::max_element(x, x + classes) - x];
  });
}
template void binary_cross_entropy<double>(Queue&, ConstView, ConstView, double, double, View, View,
                                           View);
template void binary_cross_entropy<float>(Queue&, ConstView, ConstView, double, double, View, View,
                                          View);

}  // namespace accord::cpu
