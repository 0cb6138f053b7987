#pragma once
// When a run saves a checkpoint.

#include "app/config/config.hpp"

namespace accord::app {

/// What speaks for a save, on one rank: checkpoint.every_steps, checkpoint.every_minutes, the last
/// step. It has no clock: seconds are those since the run began.
class SavePolicy {
 public:
  /// Minutes count from `seconds`.
  SavePolicy(CheckpointConfig const& checkpoint, Index total_steps, double seconds);

  bool due(Index step, double seconds) const;
  /// Minutes count anew from `seconds`.
  void saved(double seconds) { last_save_ = seconds; }

 private:
  Index every_steps_, total_steps_;
  double every_seconds_, last_save_;
};

}  // namespace accord::app
