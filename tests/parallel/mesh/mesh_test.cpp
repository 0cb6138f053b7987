#include "parallel/mesh/mesh.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/error.hpp"
#include "core/base/trace.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "parallel/mesh/mesh_groups.hpp"

namespace accord::parallel {
namespace {

TEST(Mesh, PutsTensorParallelRanksNextToEachOther) {
  MeshShape const shape = make_mesh(12, 3, 2);
  EXPECT_EQ(shape.data, 2);
  EXPECT_EQ(coordinates_of(shape, 7), (MeshCoordinates{1, 0, 1}));
  for (int rank = 0; rank < 12; ++rank)
    EXPECT_EQ(rank_of(shape, coordinates_of(shape, rank)), rank);
}

TEST(Mesh, RefusesAWorldThatDoesNotDivide) {
  try {
    make_mesh(6, 2, 2);
    FAIL() << "nothing was thrown";
  } catch (UsageError const& error) {
    EXPECT_NE(std::string(error.what()).find("multiple of 4"), std::string::npos) << error.what();
  }
  EXPECT_THROW(make_mesh(4, 0, 1), UsageError);
}

TEST(MeshGroups, HoldTheRanksThatDifferInOneCoordinate) {
  MeshShape const shape{2, 3, 2};
  ThreadGroup(12).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    MeshGroups const groups = make_groups(world, shape);
    MeshCoordinates const at = coordinates_of(shape, world.rank());
    auto const members = [&](Communicator& group) {
      std::vector<std::int32_t> ranks(static_cast<std::size_t>(group.size()));
      std::int32_t const mine = world.rank();
      group.all_gather(queue, ConstView(&mine, DType::int32, Shape{1}),
                       View(ranks.data(), DType::int32, Shape{group.size()}));
      return ranks;
    };
    std::vector<std::int32_t> data, pipeline, tensor, replica;
    for (int i = 0; i < 2; ++i) data.push_back(rank_of(shape, {i, at.pipeline, at.tensor}));
    for (int i = 0; i < 3; ++i) pipeline.push_back(rank_of(shape, {at.data, i, at.tensor}));
    for (int i = 0; i < 2; ++i) tensor.push_back(rank_of(shape, {at.data, at.pipeline, i}));
    for (int i = 0; i < 6; ++i) replica.push_back(at.data * 6 + i);
    EXPECT_EQ(members(*groups.data), data);
    EXPECT_EQ(members(*groups.pipeline), pipeline);
    EXPECT_EQ(members(*groups.tensor), tensor);
    EXPECT_EQ(members(*groups.replica), replica);
    EXPECT_EQ(groups.data->rank(), at.data);
    EXPECT_EQ(groups.pipeline->rank(), at.pipeline);
    EXPECT_EQ(groups.tensor->rank(), at.tensor);
  });
}

TEST(MeshGroups, TraceMessagesOfThePipelineAsBubbleAndCheckCallsWhereAsked) {
  ThreadGroup(4).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    MeshGroups const groups =
        make_groups(world, {2, 2, 1}, {.check_collectives = true, .trace = true});
    Trace trace;
    queue.record_trace(&trace);
    groups.data->barrier(queue);
    groups.pipeline->barrier(queue);
    groups.tensor->barrier(queue);
    groups.replica->barrier(queue);
    for (Communicator* stages : {groups.pipeline.get(), groups.pipeline_backward.get(),
                                 groups.pipeline_round.get(), groups.pipeline_round_backward.get()})
      stages->start_send_receive(queue, {}, -1, {}, -1);
    queue.record_trace(nullptr);
    ASSERT_EQ(trace.spans().size(), 7u);
    EXPECT_STREQ(trace.spans()[0].name, "data barrier");
    EXPECT_EQ(trace.spans()[0].activity, Activity::communication);
    EXPECT_STREQ(trace.spans()[1].name, "pipeline barrier");
    EXPECT_EQ(trace.spans()[1].activity, Activity::communication);
    EXPECT_EQ(trace.spans()[2].activity, Activity::storage);
    EXPECT_STREQ(trace.spans()[3].name, "pipeline send_receive");
    EXPECT_EQ(trace.spans()[3].activity, Activity::bubble);
    EXPECT_STREQ(trace.spans()[4].name, "pipeline backward send_receive");
    EXPECT_STREQ(trace.spans()[5].name, "pipeline round send_receive");
    EXPECT_STREQ(trace.spans()[6].name, "pipeline round backward send_receive");
    for (std::size_t i = 4; i < 7; ++i) EXPECT_EQ(trace.spans()[i].activity, Activity::bubble);
    std::int32_t x = 0;
    View const one(&x, DType::int32, Shape{1}), none(&x, DType::int32, Shape{0});
    EXPECT_THROW(groups.pipeline->all_reduce(queue, groups.pipeline->rank() == 0 ? one : none),
                 Error);
  });
}

TEST(MeshGroups, AreSelfCommunicatorsByDefault) {
  MeshGroups const alone;
  EXPECT_EQ(alone.data->size() + alone.pipeline->size() + alone.tensor->size(), 3);
}

}  // namespace
}  // namespace accord::parallel
