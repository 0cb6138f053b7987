#pragma once
// What decides the last bits of a run beside its configuration, data and seed.

#include <map>
#include <string>
#include <vector>

#include "core/base/queue.hpp"
#include "parallel/mesh/mesh.hpp"

namespace accord::app {

/// By name: "program", "device", "library" (of a device), "processor", "threads", "layout". Where
/// all are as before, a resumed run repeats every bit of the one that never stopped. Of this rank,
/// which stands for all.
std::map<std::string, std::string> bit_conditions(Queue const& queue,
                                                  parallel::MeshShape const& mesh);

/// One line for each condition of `now` that `saved`, which may hold more, has otherwise.
std::vector<std::string> changed_conditions(std::map<std::string, std::string> const& saved,
                                            std::map<std::string, std::string> const& now);

}  // namespace accord::app
