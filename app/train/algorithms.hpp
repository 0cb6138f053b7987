#pragma once
// The algorithms of the cuda backend's matrix products as a run keeps them: beside its checkpoints
// as soon as they are timed, and in each checkpoint (docs/formats.md, docs/decisions/0034). On
// other backends there are none.

#include <functional>
#include <string>

#include "core/base/queue.hpp"
#include "core/comm/communicator.hpp"
#include "io/checkpoint/directory.hpp"

namespace accord::app {

inline constexpr char const* algorithms_name = "algorithms.json";

/// The timed choices of the queue, with the device and the library that they hold for, as JSON;
/// empty where the backend has none.
std::string algorithms_document(Queue& queue);

/// Collective. Takes over the choices of rank 0's document, `origin` being its file. False, and
/// announced there, where they were timed on another device or with another library than rank 0's,
/// or where it has none. \throws DataError naming the file where it is not whole
bool use_algorithms(Queue& queue, Communicator& world, std::string const& document,
                    std::string const& origin, io::Announce const& announce);

/// Collective. Calls `work` with choices timed as they come up, and makes what the ranks chose the
/// same on all of them: of several for one key, that of the lowest rank.
void time_algorithms(Queue& queue, Communicator& world, std::function<void()> const& work);

}  // namespace accord::app
