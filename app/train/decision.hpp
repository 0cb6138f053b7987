#pragma once

#include "app/train/stop_policy.hpp"
#include "core/comm/communicator.hpp"

namespace accord::app {

/// What follows a step.
struct Decision {
  Stop stop = Stop::no;
  bool save = false;
};

/// Collective: ranks have signals and clocks of their own and must act alike. What one of them
/// wants all do; the largest reason to stop counts. A stop includes a save.
Decision agreed(Queue& queue, Communicator& world, Decision const& mine);

}  // namespace accord::app
