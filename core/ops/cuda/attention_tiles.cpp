#include "core/ops/cuda/attention_tiles.hpp"

#include <algorithm>

namespace accord::cuda {
namespace {

/// Appends the tiles of one sequence, and its segments.
void add_sequence(AttentionPlan const& plan, Index sequence, std::int32_t tile,
                  AttentionTiles& tiles) {
  auto const first = static_cast<std::int32_t>(tiles.segments.size());
  std::int32_t length = 0;
  for (Index s = plan.sequences[static_cast<std::size_t>(sequence)];
       s < plan.sequences[static_cast<std::size_t>(sequence) + 1]; ++s) {
    AttentionSegment const& segment = plan.segments[static_cast<std::size_t>(s)];
    auto const tokens = static_cast<std::int32_t>(segment.length);
    tiles.segments.push_back({static_cast<std::int32_t>(segment.row), tokens,
                              static_cast<std::int32_t>(segment.modality.index()), length});
    length += tokens;
  }
  auto const segments = static_cast<std::int32_t>(tiles.segments.size()) - first;
  for (std::int32_t begin = 0; begin < length; begin += tile)
    tiles.tiles.push_back({first, segments, length, begin});
  tiles.longest = std::max(tiles.longest, length);
}

double pairs_of(AttentionTiles const& tiles) {
  double pairs = 0;
  for (AttentionTile const& tile : tiles.tiles) pairs += tile.length;  // times the same tile
  return pairs;
}

}  // namespace

AttentionTiles attention_tiles(AttentionPlan const& plan, std::int32_t tile,
                               std::int64_t most_blocks) {
  AttentionTiles tiles;
  for (Index s = 0; s < plan.sequence_count(); ++s) add_sequence(plan, s, tile, tiles);
  double const share =
      pairs_of(tiles) / static_cast<double>(std::max<std::int64_t>(most_blocks, 1));
  double pairs = 0;
  tiles.block_begin.push_back(0);
  for (std::size_t i = 0; i < tiles.tiles.size(); ++i) {
    pairs += tiles.tiles[i].length;
    bool const last_tile = i + 1 == tiles.tiles.size();
    bool const ends_sequence = last_tile || tiles.tiles[i + 1].begin == 0;
    if (!ends_sequence) continue;
    if (last_tile || pairs >= share * static_cast<double>(tiles.block_begin.size()))
      tiles.block_begin.push_back(static_cast<std::int32_t>(i + 1));
  }
  return tiles;
}

}  // namespace accord::cuda
