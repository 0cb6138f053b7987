#include "parallel/comm/mpi_communicator.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "parallel/comm/checked_communicator.hpp"
#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

class MpiCommunicatorTest : public testing::Test {
 protected:
  std::unique_ptr<MpiCommunicator> world = MpiCommunicator::world();
  Queue queue{Backend::cpu};
};

TEST_F(MpiCommunicatorTest, SumsRunInRankOrder) { check_sums_run_in_rank_order(queue, *world); }
TEST_F(MpiCommunicatorTest, MaximumIsExactAndKeepsNan) { check_maximum(queue, *world); }
TEST_F(MpiCommunicatorTest, GathersAndBroadcasts) {
  check_gather_broadcast_and_barrier(queue, *world);
}
TEST_F(MpiCommunicatorTest, PassesBlocksRoundARing) { check_ring(queue, *world); }
TEST_F(MpiCommunicatorTest, KeepsSeveralRequestsApart) { check_requests_overlap(queue, *world); }
TEST_F(MpiCommunicatorTest, StartsAllReduces) { check_started_all_reduces(queue, *world); }
TEST_F(MpiCommunicatorTest, StartsAllReducesOnEachRankWhenItIsReady) {
  check_all_reduces_started_apart(queue, *world);
}
TEST_F(MpiCommunicatorTest, SplitsIntoGroups) { check_split(queue, *world); }
TEST_F(MpiCommunicatorTest, RefusesToReduceBytes) {
  check_one_element_type_is_refused(queue, *world);
}

TEST_F(MpiCommunicatorTest, CheckedNamesTheRankThatMakesAnotherCall) {
  int const last = world->size() - 1;
  CheckedCommunicator checked(std::move(world), "world");
  check_sums_run_in_rank_order(queue, checked);
  check_all_reduces_started_apart(queue, checked);
  std::int32_t flag = 0;
  View const x(&flag, DType::int32, Shape{1});
  for (int round = 0; round < 2; ++round) {  // first a sum, then a split
    std::string told;
    try {
      if (checked.rank() == last)
        checked.broadcast(queue, x, last);
      else if (round == 0)
        checked.all_reduce(queue, x, Reduce::max);
      else
        checked.split(0, 0);
    } catch (Error const& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::internal);
      told = error.what();
    }
    if (last == 0) continue;  // nobody to differ from
    EXPECT_TRUE(told.starts_with("collective call ")) << told;
    std::string const calls = fmt::format(
        " of the world group: rank 0 makes {}, rank {} broadcast of 1 int32 from rank {}",
        round == 0 ? "all_reduce of 1 int32 (max)" : "split", last, last);
    EXPECT_TRUE(told.ends_with(calls)) << told;
  }
}

TEST_F(MpiCommunicatorTest, CheckedNamesTheRankThatStartsAnotherAllReduce) {
  int const last = world->size() - 1;
  if (last == 0) GTEST_SKIP() << "nobody to differ from";
  CheckedCommunicator checked(std::move(world), "world");
  std::int64_t x = 1;
  auto const request = checked.start_all_reduce(queue, View(&x, DType::int64, Shape{1}),
                                                checked.rank() == last ? Reduce::max : Reduce::sum);
  try {
    while (!request->done(queue)) {
    }
    ADD_FAILURE() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_EQ(std::string(error.what()),
              fmt::format("started all_reduce 1 of the world group: rank 0 makes all_reduce of 1 "
                          "int64 (sum), rank {} all_reduce of 1 int64 (max)",
                          last));
  }
}

TEST_F(MpiCommunicatorTest, ErrorsNameTheRankTheCallAndTheReason) {
  std::vector<float> x(2);
  try {
    world->broadcast(queue, View(x.data(), DType::float32, Shape{2}), world->size());
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    std::string const what = error.what();
    EXPECT_EQ(what.find("[rank " + std::to_string(world->rank()) + "] MPI_Bcast("), 0u) << what;
    EXPECT_NE(what.find("MPI_ERR_ROOT"), std::string::npos) << what;
  }
}

}  // namespace
}  // namespace accord::parallel
