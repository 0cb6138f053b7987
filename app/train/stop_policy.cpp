#include "app/train/stop_policy.hpp"

#include <algorithm>

namespace accord::app {

char const* reason_of(Stop stop) {
  switch (stop) {
    case Stop::no:
      return "finished";
    case Stop::after_step:
      return "stopped after train.stop_after_step";
    case Stop::time:
      return "stopped before train.stop_before_seconds";
    case Stop::signal:
      return "stopped by a signal";
    case Stop::unlogged:
      return "stopped because its log cannot be written";
  }
  return "";
}

StopPolicy::StopPolicy(TrainConfig const& train, Index total_steps)
    : stop_after_step_(train.stop_after_step),
      total_steps_(total_steps),
      stop_before_seconds_(train.stop_before_seconds) {}

bool StopPolicy::after(Index step) const {
  return stop_after_step_ > 0 && step >= stop_after_step_ && step < total_steps_;
}

Stop StopPolicy::after_step(Index step, double seconds, bool signalled, bool validates_next) const {
  if (step >= total_steps_) return Stop::no;
  if (signalled) return Stop::signal;
  double const reserve =
      2 * save_seconds_ + longest_step_ + (validates_next ? longest_validation_ : 0);
  if (stop_before_seconds_ > 0 && seconds + reserve > stop_before_seconds_) return Stop::time;
  return after(step) ? Stop::after_step : Stop::no;
}

void StopPolicy::step_took(double seconds) { longest_step_ = std::max(longest_step_, seconds); }

void StopPolicy::validation_took(double seconds) {
  longest_validation_ = std::max(longest_validation_, seconds);
}

}  // namespace accord::app
