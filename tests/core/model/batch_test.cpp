#include "core/model/batch.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace accord {
namespace {

using ::testing::ElementsAre;

// Whoever adds a member meets this test: it does not compile until the member is named here.
TEST(MicroBatch, ListsAllItsMembers) {
  MicroBatch const batch;
  auto const& [positions, inputs, lengths, masks, labels, multi_hot, keys] = batch;
  std::vector<void const*> listed;
  for_each_member([&](auto const& member) { listed.push_back(&member); }, batch);
  EXPECT_THAT(listed,
              ElementsAre(&positions, &inputs, &lengths, &masks, &labels, &multi_hot, &keys));
}

/// One sample: an item of so many bytes of modality 1, all of them masked in pass 2.
MicroBatch sample(std::uint64_t position, Index bytes) {
  MicroBatch batch = empty_batch(2);
  batch.positions = {position};
  batch.inputs[1] = {DType::float32, std::vector<std::byte>(bytes), {0, bytes}};
  batch.lengths[1] = {bytes + 1};
  batch.masks.resize(3);
  batch.masks[2] = {{std::vector<std::uint8_t>(bytes, 1), {0, bytes}}};
  batch.labels = {static_cast<std::int64_t>(position)};
  batch.multi_hot = {0, 1};
  batch.keys = {std::to_string(position)};
  return batch;
}

TEST(MicroBatch, IsJoinedSampleBySample) {
  MicroBatch const batch = join({sample(7, 2), sample(8, 3)});
  EXPECT_THAT(batch.positions, ElementsAre(7u, 8u));
  EXPECT_THAT(batch.inputs[0].offsets, ElementsAre(0));
  EXPECT_EQ(batch.inputs[1].dtype, DType::float32);
  EXPECT_EQ(batch.inputs[1].data.size(), 5u);
  EXPECT_THAT(batch.inputs[1].offsets, ElementsAre(0, 2, 5));
  EXPECT_TRUE(batch.lengths[0].empty());
  EXPECT_THAT(batch.lengths[1], ElementsAre(3, 4));
  ASSERT_EQ(batch.masks.size(), 3u);
  EXPECT_TRUE(batch.masks[1].empty());
  EXPECT_EQ(batch.masks[2][0].masked.size(), 5u);
  EXPECT_THAT(batch.masks[2][0].offsets, ElementsAre(0, 2, 5));
  EXPECT_THAT(batch.labels, ElementsAre(7, 8));
  EXPECT_THAT(batch.multi_hot, ElementsAre(0, 1, 0, 1));
  EXPECT_THAT(batch.keys, ElementsAre("7", "8"));
}

}  // namespace
}  // namespace accord
