// Groups of ranks that compute on devices: ranks are threads, each with a queue of its own.
#include "parallel/comm/device_group.hpp"

#include <gtest/gtest.h>

#include <atomic>

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

INSTANTIATE_TEST_SUITE_P(Ranks, CudaGroupTest,
                         testing::Combine(testing::Values(Devices::shared, Devices::own),
                                          testing::Values(2, 3, 4)),
                         [](auto const& info) {
                           return fmt::format("{}_ranks_{}", std::get<1>(info.param),
                                              std::get<0>(info.param) == Devices::shared
                                                  ? "share_a_device"
                                                  : "have_a_device_each");
                         });

}  // namespace
}  // namespace accord::parallel
