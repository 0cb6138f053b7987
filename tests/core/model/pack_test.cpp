#include "core/model/pack.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <map>
#include <set>

#include "core/comm/self_communicator.hpp"
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
      EXPECT_EQ(segment.length + hidden,
                batch.lengths[segment.modality.index()][static_cast<std::size_t>(sequence.sample)]);
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
      double dropped = 0, both_branches = 0, both_steps = 0;
      std::map<std::pair<int, int>, double> both_passes;
      for (Index i = 0; i < n; ++i) {
        auto const position = static_cast<std::uint64_t>(i);
        std::array<bool, 6> d{};
        for (int pass = 0; pass < 6; ++pass)
          d[static_cast<std::size_t>(pass)] = drop.drops(position, pass, layer, branch);
        for (int a = 0; a < 6; ++a)
          for (int b = 0; b < a; ++b)
            both_passes[{a, b}] += d[static_cast<std::size_t>(a)] && d[static_cast<std::size_t>(b)];
        dropped += d[2];
        both_branches += d[2] && drop.drops(position, 2, layer, 1 - branch);
        both_steps += d[2] && drop.drops(position + 1000000, 2, layer, branch);
      }
      if (layer == 0) {
        EXPECT_EQ(dropped, 0);
        continue;
      }
      double const count = static_cast<double>(n);
      EXPECT_LT(std::pow(dropped - count * p, 2) / (count * p * q), 15.1) << layer << " " << branch;
      auto const expect_independent = [&](double both, std::string const& what) {
        EXPECT_LT(std::pow(both - count * p * p, 2) / (count * p * p * (1 - p * p)), 15.1)
            << what << ", layer " << layer << ", branch " << branch;
      };
      expect_independent(both_branches, "branches");
      expect_independent(both_steps, "steps");
      for (auto const& [passes, both] : both_passes)
        expect_independent(both, "passes " + std::to_string(passes.first) + " and " +
                                     std::to_string(passes.second));
    }
}

TEST(DropPath, OfAPlanIsThatOfEachSequencesOwnPositionPassLayerAndBranch) {
  ModelConfig const config = tiny_model_config();
  MicroBatch const batch = tiny_batch(config, 1000, 16);
  Queue queue(Backend::reference);
  SelfCommunicator self;
  TensorParallelRegion const region(self);
  DropPath const drop{0.4, 3, 3407, true};
  PackPlan const plan(queue, build_pack(batch, resolve_passes(config), {0, 1, 3, 4, 5}, {}), batch,
                      region, {.drop = drop, .layer_begin = 1, .layer_end = 3});
  for (Index layer : {1, 2})
    for (int branch : {0, 1}) {
      BranchRows const& taking_part = branch == 0 ? plan.attention(layer) : plan.ffn(layer);
      std::vector<std::int32_t> const rows = to_host<std::int32_t>(queue, taking_part.rows);
      std::set<std::int32_t> const present(rows.begin(), rows.end());
      for (PackedSequence const& sequence : plan.pack().sequences)
        EXPECT_EQ(present.count(static_cast<std::int32_t>(sequence.segments[0].row)) == 0,
                  drop.drops(batch.positions[static_cast<std::size_t>(sequence.sample)],
                             sequence.pass, layer, branch))
            << "pass " << sequence.pass << ", sample " << sequence.sample << ", layer " << layer
            << ", branch " << branch;
    }
}

TEST(BranchRows, AreFoundFromTheStreamByTheirIndex) {
  ModelConfig const config = tiny_model_config();
  MicroBatch const batch = tiny_batch(config, 1000, 16);
  Queue queue(Backend::reference);
  SelfCommunicator self;
  TensorParallelRegion const region(self);
  PackPlan const plan(queue, build_pack(batch, resolve_passes(config), {0, 1, 2}, {}), batch,
                      region, {.drop = {0.4, 3, 3407, true}, .layer_begin = 1, .layer_end = 3});
  for (Index layer : {1, 2}) {
    auto const rows = to_host<std::int32_t>(queue, plan.ffn(layer).rows);
    auto const index = to_host<std::int32_t>(queue, plan.ffn(layer).index);
    ASSERT_EQ(static_cast<Index>(index.size()), plan.own_rows());
    EXPECT_LT(rows.size(), index.size());
    for (std::size_t i = 0; i < rows.size(); ++i)
      EXPECT_EQ(index[static_cast<std::size_t>(rows[i])], static_cast<std::int32_t>(i));
    EXPECT_EQ(std::count(index.begin(), index.end(), -1),
              static_cast<std::ptrdiff_t>(index.size() - rows.size()));
  }
}
