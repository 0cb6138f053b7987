#pragma once

#include <string>
#include <vector>

#include "core/comm/communicator.hpp"

namespace accord::parallel {

/// Collective. The texts (any bytes, of any length) of all ranks, by rank, on every rank.
std::vector<std::string> gather_text(Queue& queue, Communicator& group, std::string text);

}  // namespace accord::parallel
