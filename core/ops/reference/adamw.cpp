#include "core/ops/adamw.hpp"

#include <algorithm>
#include <cmath>

namespace accord::reference {

template <class T>
void adamw_update(Queue&, AdamwStep const& step, View master, ConstView gradient, View exp_avg,
                  View exp_avg_sq, View rounded) {
  auto const t = static_cast<double>(step.step);
  double const correction1 = 1 - std::pow(step.beta1, t), correction2 = 1 - std::pow(step.beta2, t);
  for (Index i = 0; i < master.size(); ++i) {
    double const g = step.gradient_scale * gradient.as<T>()[i];
    double const m = step.beta1 * exp_avg.as<T>()[i] + (1 - step.beta1) * g;
    double const v = step.beta2 * exp_avg_sq.as<T>()[i] + (1 - step.beta2) * g * g;
    double const w = master.as<T>()[i];
    double const direction =
        step.epsilon_form == EpsilonForm::corrected
            ? m / correction1 / (std::sqrt(v / correction2) + step.epsilon)
            : std::sqrt(correction2) / correction1 * m / (std::sqrt(v) + step.epsilon);
    double const updated =
        w - step.learning_rate * step.weight_decay * w - step.learning_rate * direction;
    exp_avg.as<T>()[i] = static_cast<T>(m);
    exp_avg_sq.as<T>()[i] = static_cast<T>(v);
    T const held = static_cast<T>(std::min(std::max(updated, step.lower), step.upper));
    master.as<T>()[i] = held;
    if (rounded) rounded.as<BFloat16>()[i] = to_bfloat16(static_cast<float>(held));
  }
}
template void adamw_update<double>(Queue&, AdamwStep const&, View, ConstView, View, View, View);
template void adamw_update<float>(Queue&, AdamwStep const&, View, ConstView, View, View, View);

}  // namespace accord::reference
