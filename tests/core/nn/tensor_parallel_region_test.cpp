#include "core/nn/tensor_parallel_region.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "core/comm/self_communicator.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/op_testing.hpp"

namespace accord {
namespace {

using parallel::GroupCommunicator;
using parallel::ThreadGroup;
using testing::random_values;
using testing::values_of;

constexpr Index row_width = 3;

std::vector<double> rows_of(std::vector<double> const& all, Index first, Index count) {
  return {all.begin() + first * row_width, all.begin() + (first + count) * row_width};
}
Tensor tensor(Queue& queue, std::vector<double> const& values) {
  return testing::tensor_of(queue, DType::float64, values,
                            {static_cast<Index>(values.size()) / row_width, row_width});
}

TEST(TensorParallelRegion, SharesRowsAsEquallyAsCanBe) {
  ThreadGroup(3).run([](GroupCommunicator& group) {
    TensorParallelRegion const whole(group), split(group, true);
    EXPECT_FALSE(whole.share(7).split());
    EXPECT_EQ(whole.own_count(whole.share(7), 7), 7);
    EXPECT_EQ(split.share(7).begin, (std::vector<Index>{0, 3, 6, 7}));
    EXPECT_EQ(split.share(6).begin, (std::vector<Index>{0, 2, 4, 6}));
    EXPECT_EQ(split.share(1).begin, (std::vector<Index>{0, 1, 1, 1}));
    EXPECT_EQ(split.share(7).largest(), 3);
    EXPECT_EQ(split.own_first(split.share(7)), std::vector<Index>({0, 3, 6})[group.rank()]);
    EXPECT_EQ(split.own_count(split.share(7), 7), std::vector<Index>({3, 3, 1})[group.rank()]);
  });
}

TEST(TensorParallelRegion, OfOneRankHoldsAllRowsAndReplicatesAll) {
  SelfCommunicator self;
  TensorParallelRegion const region(self, true);
  EXPECT_FALSE(region.share(7).split());
  EXPECT_EQ(region.inside(), Distribution::replicated);
  EXPECT_EQ(region.outside(), Distribution::replicated);
}

// Shares that are equal, unequal, and of no row.
TEST(TensorParallelRegion, SumsOverTheGroupOnLeavingAndGathersOnEntering) {
  for (int const ranks : {2, 3})
    for (Index const rows : {0, 1, 5, 6})
      for (bool const split_rows : {false, true}) {
        SCOPED_TRACE(::testing::Message() << ranks << " ranks, " << rows << " rows");
        ThreadGroup(ranks).run([&](GroupCommunicator& group) {
          Queue queue(Backend::cpu);
          TensorParallelRegion const region(group, split_rows);
          RowShares const shares = region.share(rows);
          std::vector<double> sum(static_cast<std::size_t>(rows * row_width));
          for (int rank = 0; rank < ranks; ++rank) {
            auto const partial = random_values(rows * row_width, static_cast<std::uint32_t>(rank));
            for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += partial[i];
          }
          auto const partial = [&] {
            return tensor(
                queue, random_values(rows * row_width, static_cast<std::uint32_t>(group.rank())));
          };
          auto const own_sum =
              rows_of(sum, region.own_first(shares), region.own_count(shares, rows));
          Tensor const left = region.leave_forward(queue, partial(), shares);
          testing::expect_near(values_of(queue, left), own_sum, 1e-15, "leave forward");
          testing::expect_near(values_of(queue, region.enter_backward(queue, partial(), shares)),
                               own_sum, 1e-15, "enter backward");
          Tensor room, back_room;
          testing::expect_near(values_of(queue, region.enter_forward(queue, left, shares, room)),
                               sum, 1e-15, "enter forward");
          testing::expect_near(
              values_of(queue, region.leave_backward(queue, left, shares, back_room)), sum, 1e-15,
              "leave backward");
        });
      }
}

TEST(TensorParallelRegion, UnitesWhatItsRanksTook) {
  ThreadGroup(3).run([](GroupCommunicator& group) {
    Queue queue(Backend::cpu);
    TensorParallelRegion const region(group, true);
    RowShares const shares = region.share(7);
    auto const all = random_values(7 * row_width, 1);
    Tensor own = region.take_own(queue, tensor(queue, all), shares);
    EXPECT_EQ(values_of(queue, own),
              rows_of(all, region.own_first(shares), region.own_count(shares, 7)));
    EXPECT_EQ(values_of(queue, region.unite(queue, std::move(own), shares)), all);
  });
}

}  // namespace
}  // namespace accord
