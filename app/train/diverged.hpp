#pragma once

#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/error.hpp"

namespace accord::app {

/// A run that cannot go on as it is: its numbers have left the finite ones. Thrown on all ranks.
struct Diverged : Error {
  Diverged(std::string const& message, Index last_step) : Error(message), step(last_step) {}
  Index step;  ///< whose batch, or one before, did it
};

/// Keys that its message advises to change; the next resume takes other values of them.
inline std::vector<std::string> advised_changes() {
  return {"schedule.learning_rate", "schedule.min_learning_rate", "schedule.warmup_steps",
          "optimizer.clip_norm"};
}

inline constexpr char const* divergence_advice =
    "run it again with a lower schedule.learning_rate or optimizer.clip_norm, or more "
    "schedule.warmup_steps: after this failure they may change, and the run goes on from the last "
    "good checkpoint";

}  // namespace accord::app
