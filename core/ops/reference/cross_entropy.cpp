#include "core/ops/cross_entropy.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void cross_entropy(Queue&, ConstView logits_view, ConstView labels, double label_smoothing,
                   double share, double weight, View loss, View correct, View dlogits_view) {
  Matrix<T const> const logits(logits_view);
  Matrix<T> const dlogits(dlogits_view);
  Index const classes = logits.columns();
  double losses = 0, hits = 0;
  for (Index i = 0; i < logits.rows(); ++i) {
    T const* const x = logits[i];
    Index const label = labels.as<std::int64_t>()[i];
    double const largest = *std::max_element(x, x + classes);
    double sum = 0;
    for (Index c = 0; c < classes; ++c) sum += std::exp(x[c] - largest);
    double const lse = largest + std::log(sum);
    for (Index c = 0; c < classes; ++c) {
      double const target =
          (c == label ? 1 - label_smoothing : 0) + label_smoothing / static_cast<double>(classes);
      losses += target * (lse - x[c]);
      dlogits[i][c] = static_cast<T>(weight * share * (std::exp(x[c] - lse) - target));
    }
    hits += std::max_element(x, x + classes) - x == label;
  }
  *loss.as<T>() += static_cast<T>(share * losses);
  *correct.as<T>() += static_cast<T>(hits);
}
template void cross_entropy<double>(Queue&, ConstView, ConstView, double, double, double, View,
                                    View, View);
template void cross_entropy<float>(Queue&, ConstView, ConstView, double, double, double, View, View,
                                   View);

template <class T>
void binary_cross_entropy(Queue&, ConstView logits_view, ConstView targets_view, double share,
                          double weight, View loss, View correct, View dlogits_view) {
  Matrix<T const> const logits(logits_view);
  Matrix<std::uint8_t const> const targets(targets_view);
  Matrix<T> const dlogits(dlogits_view);
  Index const classes = logits.columns();
  double losses = 0, hits = 0;
  for (Index i = 0; i < logits.rows(); ++i) {
    T const* const x = logits[i];
    for (Index c = 0; c < classes; ++c) {
      // -log s(x) = softplus(-x) and -log(1 - s(x)) = softplus(x), which differ by x.
      double const softplus = std::max(double{x[c]}, 0.0) + std::log1p(std::exp(-std::abs(x[c])));
      losses += softplus - targets[i][c] * x[c];
      dlogits[i][c] = static_cast<T>(weight * share * (1 / (1 + std::exp(-x[c])) - targets[i][c]));
    }
    hits += targets[i][std::max_element(x, x + classes) - x];
  }
  *loss.as<T>() += static_cast<T>(share * losses);
  *correct.as<T>() += static_cast<T>(hits);
}
template void binary_cross_entropy<double>(Queue&, ConstView, ConstView, double, double, View, View,
                                           View);
template void binary_cross_entropy<float>(Queue&, ConstView, ConstView, double, double, View, View,
                                          View);

}  // namespace accord::reference
