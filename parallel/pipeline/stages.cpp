#include "parallel/pipeline/stages.hpp"

#include "core/base/check.hpp"

namespace accord::parallel {

std::vector<LayerChunk> chunks_of_stage(Index layers, int stage, int stages, int chunks_each,
                                        std::vector<Index> const& part_layers) {
  int const parts = stages * chunks_each;
  ACCORD_CHECK(part_layers.empty() || static_cast<int>(part_layers.size()) == parts,
               "layers of {} parts are given, there are {}", part_layers.size(), parts);
  std::vector<Index> begin{0};
  for (int part = 0; part < parts; ++part)
    begin.push_back(part_layers.empty()
                        ? layers * (part + 1) / parts
                        : begin.back() + part_layers[static_cast<std::size_t>(part)]);
  ACCORD_CHECK(begin.back() == layers, "the parts have {} layers, the model {}", begin.back(),
               layers);
  std::vector<LayerChunk> chunks;
  for (int part = stage; part < parts; part += stages) {
    auto const at = static_cast<std::size_t>(part);
    chunks.push_back({begin[at], begin[at + 1], part == 0, part == parts - 1});
  }
  return chunks;
}

}  // namespace accord::parallel
