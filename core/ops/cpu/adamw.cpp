#include "core/ops/adamw.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/cpu/row_chunks.hpp"

namespace accord::cpu {

// Compiled without contraction to fused multiply-add: the vector loop and its scalar remainder must
// give the same bits, because parallel layouts cut the same parameters in different places.
template <class T>
void adamw_update(Queue&, AdamwStep const& step, View master, ConstView gradient, View exp_avg,
                  View exp_avg_sq, View rounded) {
  auto const t = static_cast<double>(step.step);
  double const correction1 = 1 - std::pow(step.beta1, t), correction2 = 1 - std::pow(step.beta2, t);
  bool const corrected = step.epsilon_form == EpsilonForm::corrected;
  // Both forms are step_size * m / (sqrt(v) * root_scale + epsilon).
  auto const step_size =
      static_cast<T>(step.learning_rate / correction1 * (corrected ? 1.0 : std::sqrt(correction2)));
  auto const root_scale = static_cast<T>(corrected ? 1 / std::sqrt(correction2) : 1.0);
  auto const epsilon = static_cast<T>(step.epsilon);
  auto const decay = static_cast<T>(step.learning_rate * step.weight_decay);
  auto const beta1 = static_cast<T>(step.beta1), rest1 = static_cast<T>(1 - step.beta1);
  auto const beta2 = static_cast<T>(step.beta2), rest2 = static_cast<T>(1 - step.beta2);
  auto const scale = static_cast<T>(step.gradient_scale);
  auto const lower = static_cast<T>(step.lower), upper = static_cast<T>(step.upper);
  T* const __restrict__ w = master.as<T>();
  T const* const __restrict__ dw = gradient.as<T>();
  T* const __restrict__ m = exp_avg.as<T>();
  T* const __restrict__ v = exp_avg_sq.as<T>();
  BFloat16* const low = rounded ? rounded.as<BFloat16>() : nullptr;
  parallel_for(master.size(), thread_grain, [=](Index begin, Index end) {
#pragma omp simd
    for (Index i = begin; i < end; ++i) {
      T const g = scale * dw[i];
      T const mean = beta1 * m[i] + rest1 * g;
      T const square = beta2 * v[i] + rest2 * g * g;
      T const change = decay * w[i] + step_size * mean / (std::sqrt(square) * root_scale + epsilon);
      m[i] = mean;
      v[i] = square;
      w[i] = std::min(std::max(w[i] - change, lower), upper);
    }
    if (low)
      for (Index i = begin; i < end; ++i) low[i] = to_bfloat16(static_cast<float>(w[i]));
  });
}
template void adamw_update<double>(Queue&, AdamwStep const&, View, ConstView, View, View, View);
template void adamw_update<float>(Queue&, AdamwStep const&, View, ConstView, View, View, View);

}  // namespace accord::cpu
