#pragma once
// What a run needs besides data and memory: refused before the first step, not at the first save.

#include "app/config/config.hpp"

namespace accord::app {

/// Whether the folders of a run can be written; makes none. Before anything is read, by one rank.
/// \throws UsageError or IoError naming the key
void require_outputs(Config const& config);

/// Whether the disks have room for the checkpoints that are kept, one more, and the beginning of
/// the logs. \param resolved  with the rows of its vocabulary   \param steps  that are left
/// \throws IoError naming the key
void require_room(Config const& resolved, Index steps);

}  // namespace accord::app
