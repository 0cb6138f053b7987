#include "core/ops/cuda/attention_tiles.hpp"

#include <gtest/gtest.h>

namespace accord::cuda {
namespace {

/// Sequences of 100 text tokens, of 70 text and 257 image tokens, of none, and of 3.
AttentionPlan some_plan() {
  AttentionPlan plan;
  plan.segments = {{0, 100, 0}, {100, 70, 0}, {500, 257, 1}, {757, 3, 1}};
  plan.sequences = {0, 1, 3, 3, 4};
  return plan;
}

TEST(AttentionTiles, CoverEverySequenceTileByTile) {
  AttentionTiles const tiles = attention_tiles(some_plan(), 64, 1);
  ASSERT_EQ(tiles.segments.size(), 4u);
  EXPECT_EQ(tiles.segments[2].row, 500);
  EXPECT_EQ(tiles.segments[2].begin, 70);  // behind the text of its sequence
  ASSERT_EQ(tiles.tiles.size(), 2u + 6 + 1);
  EXPECT_EQ(tiles.blocks(), 1);
  EXPECT_EQ(tiles.longest, 327);
  AttentionTile const last_of_second = tiles.tiles[7];
  EXPECT_EQ(last_of_second.first_segment, 1);
  EXPECT_EQ(last_of_second.segments, 2);
  EXPECT_EQ(last_of_second.length, 327);
  EXPECT_EQ(last_of_second.begin, 320);
}

TEST(AttentionTiles, AreSharedOutInWholeSequences) {
  AttentionPlan plan;
  for (Index s = 0; s < 40; ++s) {
    plan.segments.push_back({s * 100, 30 + 70 * (s % 2), 0});
    plan.sequences.push_back(s + 1);
  }
  for (std::int64_t const most : {1, 3, 7, 40, 1000}) {
    AttentionTiles const tiles = attention_tiles(plan, 16, most);
    EXPECT_LE(tiles.blocks(), most);
    EXPECT_GE(tiles.blocks(), std::min<std::int64_t>(most, 40) * 2 / 3);
    EXPECT_EQ(tiles.block_begin.front(), 0);
    EXPECT_EQ(tiles.block_begin.back(), static_cast<std::int32_t>(tiles.tiles.size()));
    for (std::size_t b = 0; b + 1 < tiles.block_begin.size(); ++b) {
      EXPECT_LT(tiles.block_begin[b], tiles.block_begin[b + 1]);
      EXPECT_EQ(tiles.tiles[static_cast<std::size_t>(tiles.block_begin[b])].begin, 0);
    }
  }
}

TEST(AttentionTiles, OfAnEmptyPlanAreNone) { EXPECT_EQ(attention_tiles({}, 64, 8).blocks(), 0); }

}  // namespace
}  // namespace accord::cuda
