#pragma once

#include "core/base/dtype.hpp"

namespace accord {

/// The learning rate over a run (`adjust_cosine`, docs/model.md 4.3): a linear warm-up from the
/// minimum, then half a cosine down to the minimum, which is held from `steps` on (quirk Q14).
struct Schedule {
  double learning_rate = 5e-4;  ///< highest
  double min_learning_rate = 1e-6;
  Index warmup_steps = 0;  ///< 0: none, the first step runs at the highest rate
  Index steps = 0;         ///< of the whole run, warm-up included
};

/// The rate of the step that follows `completed` completed ones (0 for the first).
double learning_rate_at(Schedule const& schedule, Index completed);

}  // namespace accord
