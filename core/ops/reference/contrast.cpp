#include "core/ops/contrast.hpp"

#include <cmath>

#include "core/ops/matrix.hpp"

namespace accord::reference {
namespace {

template <class T>
T dot(T const* a, T const* b, Index n) {
  T sum = 0;
  for (Index i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

template <class T>
void contrast_forward(Queue&, ConstView q_view, ConstView k_view, ConstView scale,
                      ConstView targets, ContrastShape const& shape, ContrastState& state) {
  Matrix<T const> const q(q_view), k(k_view);
  T* const max = state.max.view().as<T>();
  T* const sum = state.sum.view().as<T>();
  T* const target = state.target.view().as<T>();
  T* const total = state.total.view().as<T>();
  std::int64_t* const best = state.best_index.view().as<std::int64_t>();
  for (Index i = 0; i < q.rows(); ++i)
    for (Index j = 0; j < k.rows(); ++j) {
      Index const key = shape.key_begin + j;
      T const logit = *scale.as<T>() * dot(q[i], k[j], q.columns());
      total[i] += logit;
      if (targets.as<std::int64_t>()[i] == key) target[i] = logit;
      if (logit > max[i] || (logit == max[i] && key < best[i])) best[i] = key;
      if (logit > max[i]) {
        sum[i] = sum[i] * std::exp(max[i] - logit) + 1;
        max[i] = logit;
      } else {
        sum[i] += std::exp(logit - max[i]);
      }
    }
}

template <class T>
void contrast_finish(Queue&, ContrastState const& state, ConstView targets,
                     ContrastShape const& shape, double weight, View lse, View loss, View correct) {
  T const* const max = state.max.view().as<T>();
  T const* const sum = state.sum.view().as<T>();
  T const* const target = state.target.view().as<T>();
  T const* const total = state.total.view().as<T>();
  std::int64_t const* const best = state.best_index.view().as<std::int64_t>();
  double losses = 0;
  for (Index i = 0; i < state.max.size(); ++i) {
    T const log_sum = max[i] + std::log(sum[i]);
    lse.as<T>()[i] = log_sum;
    losses += log_sum - (1 - shape.label_smoothing) * target[i] -
              shape.others_share() * (total[i] - target[i]);
    if (correct && best[i] == targets.as<std::int64_t>()[i]) *correct.as<T>() += 1;
  }
  *loss.as<T>() += static_cast<T>(weight * losses);
}

template <class T>
void contrast_backward(Queue&, ConstView q_view, ConstView k_view, ConstView scale_view,
                       ConstView targets, ContrastShape const& shape, ConstView lse, double weight,
                       View dq, View dk, View dscale) {
  Matrix<T const> const q(q_view), k(k_view);
  T const scale = *scale_view.as<T>();
  for (Index i = 0; i < q.rows(); ++i)
    for (Index j = 0; j < k.rows(); ++j) {
      bool const is_target = targets.as<std::int64_t>()[i] == shape.key_begin + j;
      T const product = dot(q[i], k[j], q.columns());
      T const wanted = static_cast<T>(is_target ? 1 - shape.label_smoothing : shape.others_share());
      T const d = static_cast<T>(weight) * (std::exp(scale * product - lse.as<T>()[i]) - wanted);
      for (Index c = 0; c < q.columns(); ++c) {
        if (dq) Matrix<T>(dq)[i][c] += scale * d * k[j][c];
        if (dk) Matrix<T>(dk)[j][c] += scale * d * q[i][c];
      }
      if (dscale) *dscale.as<T>() += d * product;
    }
}

#define ACCORD_INSTANTIATE(T)                                                                     \
  template void contrast_forward<T>(Queue&, ConstView, ConstView, ConstView, ConstView,           \
                                    ContrastShape const&, ContrastState&);                        \
  template void contrast_finish<T>(Queue&, ContrastState const&, ConstView, ContrastShape const&, \
                                   double, View, View, View);                                     \
  template void contrast_backward<T>(Queue&, ConstView, ConstView, ConstView, ConstView,          \
                                     ContrastShape const&, ConstView, double, View, View, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::reference
