#include "core/model/pack.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::testing;

TEST(Pack, GroupsRowsByModalityAndKeepsUnmaskedPositions) {
  ModelConfig const config = tiny_model_config();
  auto const passes = resolve_passes(config);
  ASSERT_EQ(passes.size(), 6u);
  MicroBatch const batch = tiny_batch(config, 0, 4);
  Pack const pack = build_pack(batch, passes, {0, 1, 3, 4, 5}, {});
  ASSERT_EQ(pack.groups.size(), 2u);
  EXPECT_EQ(pack.groups[0].length + pack.groups[1].length, pack.rows);
  EXPECT_FALSE(pack.padded);
  for (PackedSequence const& sequence : pack.sequences)
    for (std::size_t k = 0; k < sequence.segments.size(); ++k) {
      AttentionSegment const& segment = sequence.segments[k];
      RowGroup const group = pack.group(segment.modality);
      EXPECT_GE(segment.row, group.row);
      EXPECT_LE(segment.row + segment.length, group.row + group.length);
      EXPECT_EQ(pack.positions[static_cast<std::size_t>(segment.row)], 0)
          << "the class token stays";
      Index hidden = 0;
      auto const& masks = batch.masks[static_cast<std::size_t>(sequence.pass)];
      if (!masks.empty()) {
        TokenMask const& mask = masks[k];
        for (Index i = mask.offsets[static_cast<std::size_t>(sequence.sample)];
             i < mask.offsets[static_cast<std::size_t>(sequence.sample) + 1]; ++i)
          hidden += mask.masked[static_cast<std::size_t>(i)];
      }
      EXPECT_EQ(segment.length + hidden, batch.lengths[static_cast<std::size_t>(segment.modality)]
                                                      [static_cast<std::size_t>(sequence.sample)]);
    }
}

TEST(Pack, PadsToTheLongestOfThePool) {
  ModelConfig const config = tiny_model_config();
  MicroBatch const batch = tiny_batch(config, 0, 4);
  Pack const pack = build_pack(batch, resolve_passes(config), {0}, {.pad_pool = 2});
  auto length = [&](Index s) { return pack.segment(0, 0, s).length; };
  EXPECT_EQ(length(0), std::max(batch.lengths[0][0], batch.lengths[0][1]));
  EXPECT_EQ(length(0), length(1));
  EXPECT_EQ(length(2), std::max(batch.lengths[0][2], batch.lengths[0][3]));
}

// 1 - p-value thresholds: chi-square of 1 degree of freedom beyond 15.1 has probability 1e-4.
TEST(DropPath, DropsAtTheRateOfTheLayerIndependentlyAcrossPassesAndBranches) {
  Index const layers = 5, n = 20000;
  DropPath const drop{0.4, layers, 3407, true};
  for (Index layer = 0; layer < layers; ++layer)
    for (int branch : {0, 1}) {
      double const p = 0.4 * static_cast<double>(layer) / 4, q = 1 - p;
      EXPECT_DOUBLE_EQ(drop.probability(layer), p);
      double dropped = 0, both_passes = 0, both_branches = 0, both_steps = 0;
      for (Index i = 0; i < n; ++i) {
        auto const position = static_cast<std::uint64_t>(i);
        bool const d = drop.drops(position, 2, layer, branch);
        dropped += d;
        both_passes += d && drop.drops(position, 3, layer, branch);
        both_branches += d && drop.drops(position, 2, layer, 1 - branch);
        both_steps += d && drop.drops(position + 1000000, 2, layer, branch);
      }
      if (layer == 0) {
        EXPECT_EQ(dropped, 0);
        continue;
      }
      double const count = static_cast<double>(n);
      EXPECT_LT(std::pow(dropped - count * p, 2) / (count * p * q), 15.1) << layer << " " << branch;
      for (double both : {both_passes, both_branches, both_steps})
        EXPECT_LT(std::pow(both - count * p * p, 2) / (count * p * p * (1 - p * p)), 15.1) << layer;
    }
}
