#include "parallel/comm/staged_communicator.hpp"

#include <gtest/gtest.h>

#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

class StagedCommunicatorTest : public testing::TestWithParam<int> {
 protected:
  template <class Check>
  void run(Check const& check) {
    ThreadGroup(GetParam()).run([&](GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      StagedCommunicator staged(world.split(0, world.rank()));
      check(queue, staged);
    });
  }
};

TEST_P(StagedCommunicatorTest, SumsRunInRankOrder) { run(check_sums_run_in_rank_order); }
TEST_P(StagedCommunicatorTest, MaximumIsExactAndKeepsNan) { run(check_maximum); }
TEST_P(StagedCommunicatorTest, GathersAndBroadcasts) { run(check_gather_broadcast_and_barrier); }
TEST_P(StagedCommunicatorTest, PassesBlocksRoundARing) { run(check_ring); }
TEST_P(StagedCommunicatorTest, KeepsSeveralRequestsApart) { run(check_requests_overlap); }
TEST_P(StagedCommunicatorTest, StartsAllReduces) { run(check_started_all_reduces); }
TEST_P(StagedCommunicatorTest, StartsAllReducesOnEachRankWhenItIsReady) {
  run(check_all_reduces_started_apart);
}
TEST_P(StagedCommunicatorTest, SplitsIntoGroups) { run(check_split); }
TEST_P(StagedCommunicatorTest, RefusesToReduceBytes) { run(check_one_element_type_is_refused); }
TEST_P(StagedCommunicatorTest, MayBeChecked) {
  ThreadGroup(GetParam()).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    CheckedCommunicator checked(std::make_unique<StagedCommunicator>(world.split(0, world.rank())),
                                "devices");
    check_ring(queue, checked);
    check_split(queue, checked);
  });
}

INSTANTIATE_TEST_SUITE_P(Ranks, StagedCommunicatorTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace accord::parallel
