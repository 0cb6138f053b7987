#include "app/train/decision.hpp"

#include <gtest/gtest.h>

#include "parallel/comm/thread_communicator.hpp"

namespace accord::app {
namespace {

// What all ranks do when each wants what is given; every rank must get the same.
Decision decision_of(std::vector<Decision> const& wanted) {
  std::vector<Decision> got(wanted.size());
  parallel::ThreadGroup(static_cast<int>(wanted.size()))
      .run([&](parallel::GroupCommunicator& world) {
        Queue queue(Backend::cpu);
        auto const rank = static_cast<std::size_t>(world.rank());
        got[rank] = agreed(queue, world, wanted[rank]);
      });
  for (Decision const& one : got) {
    EXPECT_EQ(one.stop, got.front().stop);
    EXPECT_EQ(one.save, got.front().save);
  }
  return got.front();
}

TEST(Decision, IsToGoOnWhereNobodyWantsOtherwise) {
  Decision const all = decision_of({{}, {}, {}});
  EXPECT_EQ(all.stop, Stop::no);
  EXPECT_FALSE(all.save);
}

TEST(Decision, IsWhatOneRankWantsWithTheLargestReason) {
  // One rank got a signal, another saw its time run out.
  Decision const all = decision_of({{}, {Stop::signal, false}, {Stop::time, false}});
  EXPECT_EQ(all.stop, Stop::signal);
  EXPECT_TRUE(all.save);  // a stop includes a save
}

TEST(Decision, IsToSaveWithoutAStopWhereOneRanksMinutesAreOver) {
  Decision const all = decision_of({{}, {Stop::no, true}});
  EXPECT_EQ(all.stop, Stop::no);
  EXPECT_TRUE(all.save);
}

}  // namespace
}  // namespace accord::app
