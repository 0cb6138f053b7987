#pragma once
// What decides the last bits of a run beside its configuration, data and seed.

#include <string>
#include <vector>

#include "core/base/queue.hpp"
#include "io/checkpoint/run_state.hpp"
#include "parallel/mesh/mesh.hpp"

namespace accord::app {

/// Where all are as before, a resumed run repeats every bit of the one that never stopped. Of this
/// rank, which stands for all.
io::BitConditions bit_conditions(Queue const& queue, parallel::MeshShape const& mesh);

/// One line for each condition that both know and have otherwise.
std::vector<std::string> changed_conditions(io::BitConditions const& saved,
                                            io::BitConditions const& now);

}  // namespace accord::app
