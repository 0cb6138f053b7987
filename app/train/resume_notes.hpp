#pragma once
// What a run that goes on says of what is not as it was.

#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "core/optim/schedule.hpp"
#include "io/checkpoint/manifest.hpp"

namespace accord::app {

/// One line for a schedule that is not the checkpoint's, with the rates on both sides of the step,
/// and one for a train.init_from that has no effect.
/// \param saved  the configuration that `checkpoint` holds   \param schedule  of the run from now
/// on
std::vector<std::string> resume_notes(Config const& saved, io::Manifest const& checkpoint,
                                      Config const& now, Schedule const& schedule);

}  // namespace accord::app
