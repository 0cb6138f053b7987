#include "app/train/save_policy.hpp"

namespace accord::app {

SavePolicy::SavePolicy(CheckpointConfig const& checkpoint, Index total_steps, double seconds)
    : every_steps_(checkpoint.every_steps),
      total_steps_(total_steps),
      every_seconds_(60 * checkpoint.every_minutes),
      last_save_(seconds) {}

bool SavePolicy::due(Index step, double seconds) const {
  return step == total_steps_ || (every_steps_ > 0 && step % every_steps_ == 0) ||
         (every_seconds_ > 0 && seconds - last_save_ > every_seconds_);
}

}  // namespace accord::app
