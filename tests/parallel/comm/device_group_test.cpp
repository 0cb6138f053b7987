// Groups of ranks that compute on devices: ranks are threads, each with a queue of its own.
#include "parallel/comm/device_group.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <barrier>

#include "core/base/device.hpp"
#include "core/tensor/tensor.hpp"
#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/nccl_communicator.hpp"
#include "parallel/comm/staged_communicator.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

enum class Devices { shared, own };

/// Ranks that share a device, or have one each. The name says cuda: this is what is run on a
/// device.
class CudaGroupTest : public testing::TestWithParam<std::tuple<Devices, int>> {
 protected:
  void SetUp() override {
    int const needed = shared() ? 1 : ranks();
    if (probe_devices().count < needed)
      GTEST_SKIP() << "needs " << needed << " devices; there are " << probe_devices().count << " "
                   << probe_devices().reason;
  }
  static bool shared() { return std::get<0>(GetParam()) == Devices::shared; }
  static int ranks() { return std::get<1>(GetParam()); }

  /// Of the class that make_device_group() chooses.
  template <class Check>
  static void run(Check const& check) {
    ThreadGroup(ranks()).run([&](GroupCommunicator& world) {
      cuda::select_device(shared() ? 0 : world.rank());
      Queue queue(Backend::cuda);
      auto const group = make_device_group(queue, world);
      check(queue, *group);
    });
  }
};

TEST_P(CudaGroupTest, TalksOverNcclWhereEachRankHasADevice) {
  run([](Queue&, GroupCommunicator& group) {
    EXPECT_EQ(dynamic_cast<NcclCommunicator*>(&group) != nullptr, !shared());
    EXPECT_EQ(dynamic_cast<StagedCommunicator*>(&group) != nullptr, shared());
  });
}
TEST_P(CudaGroupTest, Sums) {
  run([](Queue& queue, GroupCommunicator& group) {
    if (shared()) return check_sums_run_in_rank_order(queue, group);
    check_sums_to_rounding(queue, group);
    check_sums_of_bfloat16(queue, group);
  });
}
TEST_P(CudaGroupTest, GathersAndBroadcasts) { run(check_gather_broadcast_and_barrier); }
TEST_P(CudaGroupTest, PassesBlocksRoundARing) { run(check_ring); }
TEST_P(CudaGroupTest, KeepsSeveralRequestsApart) { run(check_requests_overlap); }
TEST_P(CudaGroupTest, StartsAllReduces) { run(check_started_all_reduces); }
TEST_P(CudaGroupTest, StartsAllReducesOnEachRankWhenItIsReady) {
  run(check_all_reduces_started_apart);
}
TEST_P(CudaGroupTest, SplitsIntoGroups) { run(check_split); }
TEST_P(CudaGroupTest, KeepsMaximaOrRefusesThem) {
  run([](Queue& queue, GroupCommunicator& group) {
    if (shared()) return check_maximum(queue, group);
    Tensor x = Tensor::zeros(queue, DType::float32, Shape{1});
    EXPECT_THROW(group.all_reduce(queue, x, Reduce::max), Error);
  });
}
TEST_P(CudaGroupTest, DoesForHostMemoryWhatHostsDo) {
  run([](Queue& queue, GroupCommunicator& group) {
    double values[2] = {static_cast<double>(group.rank()), 1};
    group.all_reduce(queue, View(values, DType::float64, Shape{2}), Reduce::max);
    EXPECT_EQ(values[0], group.size() - 1.0);
    std::vector<double> all(2 * static_cast<std::size_t>(group.size()));
    group.all_gather(queue, View(values, DType::float64, Shape{2}),
                     View(all.data(), DType::float64, Shape{group.size(), 2}));
    EXPECT_EQ(all.back(), 1);
    group.broadcast(queue, View(values, DType::float64, Shape{2}), 0);
  });
}
TEST_P(CudaGroupTest, MayBeChecked) {
  ThreadGroup(ranks()).run([&](GroupCommunicator& world) {
    cuda::select_device(shared() ? 0 : world.rank());
    Queue queue(Backend::cuda);
    CheckedCommunicator group(make_device_group(queue, world), "devices");
    check_ring(queue, group);
    check_split(queue, group);
  });
}

TEST_P(CudaGroupTest, LeavesQueueAndHostFreeUntilPeersCome) {
  if (shared()) GTEST_SKIP() << "hosts wait for hosts";
  std::barrier others_have_gone_on(ranks());
  run([&](Queue& queue, GroupCommunicator& group) {
    int const last = group.size() - 1;
    Tensor const send =
        Tensor::from_host(queue, std::vector<double>(static_cast<std::size_t>(group.size()), 1.0));
    Tensor part(queue, DType::float64, Shape{1}),
        message = Tensor::zeros(queue, DType::float64, {1});
    std::unique_ptr<Request> sum, passing;
    auto const start = [&] {
      sum = group.start_reduce_scatter(queue, send, part);
      if (group.rank() == 0) passing = group.start_send_receive(queue, part, last, {}, -1);
      if (group.rank() == last) passing = group.start_send_receive(queue, {}, -1, message, 0);
    };
    if (group.rank() != last) {
      start();
      Tensor meanwhile = Tensor::from_host(queue, std::vector<double>{7});
      EXPECT_EQ(to_host<double>(queue, meanwhile), std::vector<double>{7});
      EXPECT_FALSE(sum->done(queue));
    }
    others_have_gone_on.arrive_and_wait();
    if (group.rank() == last) start();
    sum->wait(queue);
    EXPECT_EQ(to_host<double>(queue, part), std::vector<double>{static_cast<double>(ranks())});
    EXPECT_TRUE(sum->done(queue));
    if (passing) passing->wait(queue);
    queue.wait();
    EXPECT_TRUE(!passing || passing->done(queue));
  });
}

// NCCL itself notices only what its network notices; the emulated one sees every peer that leaves.
TEST_P(CudaGroupTest, EndsTheWaitForAPeerThatIsGone) {
  if (shared()) GTEST_SKIP() << "hosts wait for hosts, and one that fails ends the others";
  if (!cuda::device_description().starts_with("emulated"))
    GTEST_SKIP() << "devices of one node do not tell each other";
  std::atomic<int> told = 0;
  auto const body = [&](Queue& queue, GroupCommunicator& group) {
    if (group.rank() == 0) throw DataError("caption 17 is empty");
    Tensor x = Tensor::zeros(queue, DType::float32, Shape{4});
    try {
      group.all_reduce(queue, x);
      to_host<float>(queue, x);
    } catch (Error const& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::internal);
      EXPECT_TRUE(std::string(error.what()).find("lost a peer") != std::string::npos)
          << error.what();
      ++told;
    }
    queue.wait();  // nothing on the device waits any more
  };
  EXPECT_THROW(run(body), DataError);
  EXPECT_EQ(told, ranks() - 1);
}

INSTANTIATE_TEST_SUITE_P(Ranks, CudaGroupTest,
                         testing::Combine(testing::Values(Devices::shared, Devices::own),
                                          testing::Values(2, 3)),
                         [](auto const& info) {
                           return fmt::format("{}_ranks_{}", std::get<1>(info.param),
                                              std::get<0>(info.param) == Devices::shared
                                                  ? "share_a_device"
                                                  : "have_a_device_each");
                         });

}  // namespace
}  // namespace accord::parallel
