#pragma once

#include <vector>

#include "core/model/encoder.hpp"

namespace accord::parallel {

/// The chunks of layers that one pipeline stage holds. The model is cut into stages x chunks_each
/// parts, as even as can be or as `part_layers` says; chunk c of stage s is part c * stages + s.
/// \param part_layers  layers of each part; empty: even
std::vector<LayerChunk> chunks_of_stage(Index layers, int stage, int stages, int chunks_each,
                                        std::vector<Index> const& part_layers);

}  // namespace accord::parallel
