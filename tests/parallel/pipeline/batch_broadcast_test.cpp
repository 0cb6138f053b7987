#include "parallel/pipeline/batch_broadcast.hpp"

#include <gtest/gtest.h>

#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;

namespace {

std::vector<MicroBatch> batches_of(int replica) {
  ModelConfig const config = accord::testing::tiny_model_config();
  std::vector<MicroBatch> batches;
  for (std::uint64_t i = 0; i < 3; ++i)
    batches.push_back(
        accord::testing::tiny_batch(config, 100 * static_cast<std::uint64_t>(replica) + 4 * i, 4));
  batches[1].labels = {3, 1, 4, 1};
  batches[2].keys = {"a", "", "long key", "\n"};
  return batches;
}

}  // namespace

TEST(BatchBroadcast, GivesEveryRankThePlanAndTheFirstStageTheInputs) {
  MeshShape const shape{.data = 2, .pipeline = 2, .tensor = 2};
  ThreadGroup(8).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    MeshGroups groups = make_groups(world, shape);
    MeshCoordinates const at = coordinates_of(shape, world.rank());
    std::vector<MicroBatch> const want = batches_of(at.data);
    bool const reads = at.pipeline == 0 && at.tensor == 0;
    std::vector<MicroBatch> const got =
        broadcast_batches(queue, groups, reads ? want : std::vector<MicroBatch>{});
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < want.size(); ++i) {
      EXPECT_EQ(got[i].positions, want[i].positions);
      EXPECT_EQ(got[i].lengths, want[i].lengths);
      EXPECT_EQ(got[i].labels, want[i].labels);
      EXPECT_EQ(got[i].keys, want[i].keys);
      ASSERT_EQ(got[i].masks.size(), want[i].masks.size());
      for (std::size_t p = 0; p < want[i].masks.size(); ++p) {
        ASSERT_EQ(got[i].masks[p].size(), want[i].masks[p].size());
        for (std::size_t s = 0; s < want[i].masks[p].size(); ++s) {
          EXPECT_EQ(got[i].masks[p][s].masked, want[i].masks[p][s].masked);
          EXPECT_EQ(got[i].masks[p][s].offsets, want[i].masks[p][s].offsets);
        }
      }
      ASSERT_EQ(got[i].inputs.size(), want[i].inputs.size());
      for (std::size_t m = 0; m < want[i].inputs.size(); ++m) {
        EXPECT_EQ(got[i].inputs[m].dtype, want[i].inputs[m].dtype);
        EXPECT_EQ(got[i].inputs[m].offsets, want[i].inputs[m].offsets);
        if (at.pipeline == 0) {
          EXPECT_EQ(got[i].inputs[m].data, want[i].inputs[m].data);
        } else {
          EXPECT_TRUE(got[i].inputs[m].data.empty());
        }
      }
    }
  });
}
