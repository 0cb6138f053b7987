#include "core/optim/schedule.hpp"

#include <cmath>
#include <numbers>

namespace accord {

double learning_rate_at(Schedule const& schedule, Index completed) {
  double const low = schedule.min_learning_rate, span = schedule.learning_rate - low;
  if (completed >= schedule.steps) return low;
  auto const k = static_cast<double>(completed),
             warmup = static_cast<double>(schedule.warmup_steps);
  if (k < warmup) return low + k * span / warmup;
  double const progress = (k - warmup) / (static_cast<double>(schedule.steps) - warmup);
  return low + 0.5 * span * (1 + std::cos(std::numbers::pi * progress));
}

}  // namespace accord
