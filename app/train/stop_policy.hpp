#pragma once
// When a run ends before its last step.

#include "app/config/config.hpp"

namespace accord::app {

/// Why a run ends before its last step; of several reasons the largest counts.
enum class Stop : int { no, after_step, time, signal, unlogged };

/// For the run's record. Of `no`: "finished".
char const* reason_of(Stop stop);

/// What speaks for a stop, on one rank: train.stop_after_step, train.stop_before_seconds and
/// signals. It has no clock: seconds are those since the run began.
class StopPolicy {
 public:
  StopPolicy(TrainConfig const& train, Index total_steps);

  /// Whether stop_after_step asks to stop where `step` steps are done. A run that was stopped there
  /// and is started again stops there again, before its next step.
  bool after(Index step) const;
  /// What speaks for a stop after a step. After the last nothing does: done is done.
  /// \param validates_next  whether a validation follows the next step
  Stop after_step(Index step, double seconds, bool signalled, bool validates_next) const;

  // What the reserve is made of: before stop_before_seconds there must be time for another step,
  // the longest there was, for a validation that is due then, and for the save, which may take
  // twice as long as the last.
  void step_took(double seconds);
  void validation_took(double seconds);
  void save_took(double seconds) { save_seconds_ = seconds; }

 private:
  Index stop_after_step_, total_steps_;
  double stop_before_seconds_;
  double longest_step_ = 0, longest_validation_ = 0, save_seconds_ = 0;
};

}  // namespace accord::app
