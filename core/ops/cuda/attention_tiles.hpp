#pragma once
// How attention is cut into blocks of threads: plain numbers from the plan, computed on the host,
// so that they can be tested there. All of it is a function of the plan alone: sums have one order.

#include <cstdint>
#include <vector>

#include "core/ops/attention.hpp"

namespace accord::cuda {

/// One segment as the device sees it; `begin`: tokens of its sequence before it.
struct DeviceSegment {
  std::int32_t row, length, modality, begin;
};

/// Tokens [begin, begin + tile) of a sequence, cut off at its end. `length`: of the sequence.
struct AttentionTile {
  std::int32_t first_segment, segments, length, begin;
};

struct AttentionTiles {
  std::vector<DeviceSegment> segments;
  std::vector<AttentionTile> tiles;  ///< sequence by sequence, in order; empty ones left out
  std::vector<std::int32_t>
      block_begin;           ///< block b takes tiles [block_begin[b], block_begin[b+1])
  std::int32_t longest = 0;  ///< tokens of the longest sequence

  std::int64_t blocks() const { return static_cast<std::int64_t>(block_begin.size()) - 1; }
};

/// Tiles of `tile` tokens, in at most `most_blocks` blocks of whole sequences with about the same
/// number of query-key pairs.
AttentionTiles attention_tiles(AttentionPlan const& plan, std::int32_t tile,
                               std::int64_t most_blocks);

}  // namespace accord::cuda
