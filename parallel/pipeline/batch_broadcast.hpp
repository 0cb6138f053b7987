#pragma once

#include <vector>

#include "core/model/batch.hpp"
#include "parallel/mesh/mesh_groups.hpp"

namespace accord::parallel {

/// Collective over the replica: gives all its ranks the micro-batches that its first rank has read
/// (the others' argument is ignored). What the work is planned from, i.e. positions, lengths,
/// masks, labels, keys, goes to every rank; token rows and pixels to the first stage alone.
std::vector<MicroBatch> broadcast_batches(Queue& queue, MeshGroups& groups,
                                          std::vector<MicroBatch> batches);

}  // namespace accord::parallel
