#include "parallel/pipeline/stage_links.hpp"

#include <gtest/gtest.h>

#include "parallel/comm/thread_communicator.hpp"

using namespace accord;
using namespace accord::parallel;

namespace {

Tensor message(Queue& queue, double value) {
  return Tensor::from_host(queue, std::vector<double>{value, -value});
}

}  // namespace

TEST(StageLinks, CarryActivationsForwardAndGradientsBackRoundTheStages) {
  for (int stages : {2, 3})
    ThreadGroup(stages).run([&](GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      MeshGroups groups = make_groups(world, {.pipeline = stages});
      StageLinks links(queue, groups);
      int const next = (world.rank() + 1) % stages, previous = (world.rank() + stages - 1) % stages;
      links.send(Direction::forward, message(queue, 10 + world.rank()));
      links.send(Direction::backward, message(queue, 20 + world.rank()));
      EXPECT_EQ(to_host<double>(queue, links.receive(Direction::backward, DType::float64, {2})),
                (std::vector<double>{20.0 + next, -20.0 - next}));
      EXPECT_EQ(to_host<double>(queue, links.receive(Direction::forward, DType::float64, {2})),
                (std::vector<double>{10.0 + previous, -10.0 - previous}));
      links.finish();
    });
}

TEST(StageLinks, KeepTheOrderOfEachDirection) {
  ThreadGroup(2).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    MeshGroups groups = make_groups(world, {.pipeline = 2});
    StageLinks links(queue, groups);
    for (int i = 0; i < 5; ++i) links.send(Direction::forward, message(queue, i));
    for (int i = 0; i < 5; ++i)
      EXPECT_EQ(
          to_host<double>(queue, links.receive(Direction::forward, DType::float64, {2})).front(),
          i);
    links.finish();
  });
}
