#pragma once

#include <map>
#include <string>
#include <vector>

#include "parallel/data/logical_pieces.hpp"

namespace accord::parallel {

struct LogicalTensor {
  Shape shape;
  std::vector<double> values;
};

/// Collective over the world. From the primary pieces (of one kind) of every rank: on world rank 0
/// every logical tensor whole, by name; nothing elsewhere. For comparing layouts; all pieces pass
/// through one rank's memory.
/// \throws Error on rank 0 naming the tensor and element that no piece holds, or more than one.
std::map<std::string, LogicalTensor> gather_logical(Queue& queue, Communicator& world,
                                                    ParameterStore const& store,
                                                    std::vector<LogicalPiece> const& pieces);

}  // namespace accord::parallel
