#include "parallel/comm/mpi_communicator.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

class MpiCommunicatorTest : public testing::Test {
 protected:
  std::unique_ptr<MpiCommunicator> world = MpiCommunicator::world();
};

TEST_F(MpiCommunicatorTest, SumsRunInRankOrder) { check_sums_run_in_rank_order(*world); }
TEST_F(MpiCommunicatorTest, MaximumIsExactAndKeepsNan) { check_maximum(*world); }
TEST_F(MpiCommunicatorTest, GathersAndBroadcasts) { check_gather_broadcast_and_barrier(*world); }
TEST_F(MpiCommunicatorTest, PassesBlocksRoundARing) { check_ring(*world); }
TEST_F(MpiCommunicatorTest, KeepsSeveralRequestsApart) { check_requests_overlap(*world); }
TEST_F(MpiCommunicatorTest, SplitsIntoGroups) { check_split(*world); }
TEST_F(MpiCommunicatorTest, RefusesToReduceBytes) { check_one_element_type_is_refused(*world); }

TEST_F(MpiCommunicatorTest, ErrorsNameTheRankTheCallAndTheReason) {
  Queue queue(Backend::cpu);
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
