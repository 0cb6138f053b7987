#include "parallel/comm/thread_communicator.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

#include "core/tensor/tensor.hpp"
#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

class ThreadCommunicatorTest : public testing::TestWithParam<int> {
 protected:
  template <class Check>
  void run(Check const& check) {
    ThreadGroup(GetParam()).run([&](GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      check(queue, world);
    });
  }
};

TEST_P(ThreadCommunicatorTest, SumsRunInRankOrder) { run(check_sums_run_in_rank_order); }
TEST_P(ThreadCommunicatorTest, MaximumIsExactAndKeepsNan) { run(check_maximum); }
TEST_P(ThreadCommunicatorTest, GathersAndBroadcasts) { run(check_gather_broadcast_and_barrier); }
TEST_P(ThreadCommunicatorTest, PassesBlocksRoundARing) { run(check_ring); }
TEST_P(ThreadCommunicatorTest, KeepsSeveralRequestsApart) { run(check_requests_overlap); }
TEST_P(ThreadCommunicatorTest, StartsAllReduces) { run(check_started_all_reduces); }
TEST_P(ThreadCommunicatorTest, StartsAllReducesOnEachRankWhenItIsReady) {
  run(check_all_reduces_started_apart);
}
TEST_P(ThreadCommunicatorTest, SplitsIntoGroups) { run(check_split); }
TEST_P(ThreadCommunicatorTest, RefusesToReduceBytes) { run(check_one_element_type_is_refused); }

INSTANTIATE_TEST_SUITE_P(Ranks, ThreadCommunicatorTest, testing::Values(1, 2, 3, 4, 7));

TEST(ThreadGroup, ReleasesWaitingRanksWhenOneThrows) {
  std::atomic<int> released = 0;
  try {
    ThreadGroup(4).run([&](GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      auto const half = world.split(world.rank() / 2, 0);
      if (world.rank() == 2) {
        world.barrier(queue);
        throw DataError("caption 17 is empty");
      }
      try {
        world.barrier(queue);  // a rank may still be on its way out of it
        half->barrier(queue);
        world.barrier(queue);
      } catch (Error const& error) {
        EXPECT_STREQ(error.what(), "rank 2 failed: caption 17 is empty");
        ++released;
        throw;
      }
    });
    FAIL() << "nothing was thrown";
  } catch (DataError const& error) {
    EXPECT_STREQ(error.what(), "caption 17 is empty");
  }
  EXPECT_EQ(released, 3);
}

TEST(ThreadGroup, ReleasesARankThatOnlyAsksWhenAnotherThrows) {
  EXPECT_THROW(ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    if (world.rank() == 1) throw DataError("caption 17 is empty");
    std::int32_t x = 0;
    auto const request = world.start_all_reduce(queue, View(&x, DType::int32, Shape{1}));
    EXPECT_THROW(while (!request->done(queue)){}, Error);
  }),
               DataError);
}

TEST(ThreadGroup, TurnsMismatchedCallsIntoAnError) {
  auto const unmatched = [](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    if (world.rank() != 1) world.barrier(queue);
  };
  try {
    ThreadGroup(3).run(unmatched);
    FAIL() << "nothing was thrown";
  } catch (Error const& error) {
    EXPECT_NE(std::string(error.what()).find("do not match"), std::string::npos) << error.what();
    EXPECT_NE(std::string(error.what()).find("waits for rank 1"), std::string::npos)
        << error.what();
  }
}

TEST(ThreadGroup, NamesAMismatchOfSizes) {
  auto const uneven = [](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    Tensor x = Tensor::zeros(queue, DType::float32, Shape{3 + world.rank()});
    world.all_reduce(queue, x);
  };
  EXPECT_THROW(ThreadGroup(2).run(uneven), Error);
}

TEST(ThreadGroup, WaitsForRequestsThatAreDropped) {
  ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    std::vector<float> send{1, 2, 3, 4}, part(2), all{5, 6, 7, 8};
    {
      auto const dropped =
          world.start_reduce_scatter(queue, View(send.data(), DType::float32, Shape{4}),
                                     View(part.data(), DType::float32, Shape{2}));
    }
    world.all_reduce(queue, View(all.data(), DType::float32, Shape{4}));
    EXPECT_EQ(all, (std::vector<float>{10, 12, 14, 16}));
  });
}

}  // namespace
}  // namespace accord::parallel
