#include "tests/parallel/comm/collective_checks.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "core/tensor/tensor.hpp"

namespace accord::parallel {
namespace {

// Sizes around nothing, around the rank counts, and on both sides of every switch of algorithm.
constexpr Index sizes[] = {0, 1, 2, 7, 64, 1000, 1025, 20011};

// Values of very different magnitude: another order of summation gives other bits.
template <class T>
std::vector<T> values_of(int rank, Index count) {
  std::vector<T> values(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i) {
    std::uint64_t const bits =
        (static_cast<std::uint64_t>(i * 64 + rank) + 1) * 0x9E3779B97F4A7C15ull;
    auto const u = static_cast<double>(static_cast<std::int64_t>(bits ^ bits >> 29)) * 0x1p-63;
    values[static_cast<std::size_t>(i)] =
        std::is_floating_point_v<T> ? static_cast<T>(std::ldexp(u, static_cast<int>(bits >> 59)))
                                    : static_cast<T>(u * 1e6);
  }
  return values;
}

template <class T>
std::vector<T> serial_sum(int ranks, Index count) {
  std::vector<T> sum = values_of<T>(0, count);
  for (int rank = 1; rank < ranks; ++rank) {
    std::vector<T> const x = values_of<T>(rank, count);
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += x[i];
  }
  return sum;
}

template <class T>
View view_of(std::vector<T>& values) {
  return View(values.data(), dtype_of<T>, Shape{static_cast<Index>(values.size())});
}

template <class T>
void check_sums(Communicator& group) {
  Queue queue(Backend::cpu);
  for (Index n : sizes) {
    SCOPED_TRACE(testing::Message() << name_of(dtype_of<T>) << " x " << n << ", rank "
                                    << group.rank() << " of " << group.size());
    std::vector<T> x = values_of<T>(group.rank(), n);
    group.all_reduce(queue, view_of(x));
    EXPECT_EQ(x, serial_sum<T>(group.size(), n));

    Index const all = n * group.size();
    std::vector<T> const whole = serial_sum<T>(group.size(), all);
    std::vector<T> const want(whole.begin() + group.rank() * n,
                              whole.begin() + (group.rank() + 1) * n);
    std::vector<T> send = values_of<T>(group.rank(), all), part(static_cast<std::size_t>(n));
    group.reduce_scatter(queue, view_of(send), view_of(part));
    EXPECT_EQ(part, want);

    View const own = view_of(send).rows(group.rank() * n, n);
    group.start_reduce_scatter(queue, view_of(send), own)->wait(queue);
    EXPECT_EQ(to_host<T>(queue, own), want) << "in place";
  }
}

}  // namespace

void check_sums_run_in_rank_order(Communicator& group) {
  check_sums<double>(group);
  check_sums<float>(group);
  check_sums<std::int32_t>(group);
  check_sums<std::int64_t>(group);
}

void check_maximum(Communicator& group) {
  Queue queue(Backend::cpu);
  for (Index n : sizes) {
    std::vector<double> x = values_of<double>(group.rank(), n), want = values_of<double>(0, n);
    for (int rank = 1; rank < group.size(); ++rank) {
      std::vector<double> const theirs = values_of<double>(rank, n);
      for (std::size_t i = 0; i < want.size(); ++i) want[i] = std::max(want[i], theirs[i]);
    }
    group.all_reduce(queue, view_of(x), Reduce::max);
    EXPECT_EQ(x, want);
  }
  // NaN of the first, and of the last rank, is seen by all.
  double const nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> x{group.rank() == 0 ? nan : 1.0, group.rank() == group.size() - 1 ? nan : 1.0,
                        2.0};
  group.all_reduce(queue, view_of(x), Reduce::max);
  EXPECT_TRUE(std::isnan(x[0]) && std::isnan(x[1]));
  EXPECT_EQ(x[2], 2.0);
}

void check_gather_broadcast_and_barrier(Communicator& group) {
  Queue queue(Backend::cpu);
  for (Index n : sizes) {
    std::vector<float> send = values_of<float>(group.rank(), n), want;
    for (int rank = 0; rank < group.size(); ++rank) {
      std::vector<float> const theirs = values_of<float>(rank, n);
      want.insert(want.end(), theirs.begin(), theirs.end());
    }
    std::vector<float> gathered(want.size());
    group.all_gather(queue, view_of(send), view_of(gathered));
    EXPECT_EQ(gathered, want);

    std::vector<float> in_place(want.size());
    std::copy(send.begin(), send.end(), in_place.begin() + group.rank() * n);
    group.all_gather(queue, view_of(in_place).rows(group.rank() * n, n), view_of(in_place));
    EXPECT_EQ(in_place, want) << "in place";

    for (int root = 0; root < group.size(); ++root) {
      std::vector<float> x = send;
      group.broadcast(queue, view_of(x), root);
      EXPECT_EQ(x, values_of<float>(root, n));
    }
    group.barrier(queue);
  }
}

void check_ring(Communicator& group) {
  Queue queue(Backend::cpu);
  int const next = (group.rank() + 1) % group.size();
  int const previous = (group.rank() + group.size() - 1) % group.size();
  for (Index n : {Index{0}, Index{1}, Index{70001}}) {
    std::vector<double> block = values_of<double>(group.rank(), n), other(block.size());
    for (int hop = 1; hop <= group.size(); ++hop) {
      group.start_send_receive(queue, view_of(block), next, view_of(other), previous)->wait(queue);
      std::swap(block, other);
      EXPECT_EQ(block, values_of<double>((group.rank() + group.size() - hop) % group.size(), n));
    }
  }
  // An open chain, as of pipeline stages: the ends have one side only.
  std::vector<double> mine{static_cast<double>(group.rank())}, got{-1};
  int const to = group.rank() + 1 < group.size() ? next : -1;
  int const from = group.rank() > 0 ? previous : -1;
  group.start_send_receive(queue, view_of(mine), to, view_of(got), from)->wait(queue);
  EXPECT_EQ(got[0], group.rank() - 1.0);
}

void check_requests_overlap(Communicator& group) {
  Queue queue(Backend::cpu);
  constexpr Index n = 301;
  std::vector<double> a = values_of<double>(group.rank(), n * group.size()), b = a;
  for (double& x : b) x *= 2;
  std::vector<double> part_a(n), part_b(n), third(static_cast<std::size_t>(group.size()));
  auto first = group.start_reduce_scatter(queue, view_of(a), view_of(part_a));
  auto second = group.start_reduce_scatter(queue, view_of(b), view_of(part_b));
  std::vector<double> rank{static_cast<double>(group.rank())};
  group.all_gather(queue, view_of(rank), view_of(third));
  second->wait(queue);  // in another order than started
  first->wait(queue);
  std::vector<double> const sum = serial_sum<double>(group.size(), n * group.size());
  for (std::size_t i = 0; i < n; ++i) {
    double const want = sum[static_cast<std::size_t>(group.rank() * n) + i];
    EXPECT_EQ(part_a[i], want);
    EXPECT_EQ(part_b[i], 2 * want);
  }
  for (std::size_t i = 0; i < third.size(); ++i) EXPECT_EQ(third[i], static_cast<double>(i));
}

void check_split(GroupCommunicator& group) {
  // Even and odd ranks, each in descending order.
  int const color = group.rank() % 2;
  auto const half = group.split(color, -group.rank());
  int const members = (group.size() - color + 1) / 2;
  EXPECT_EQ(half->size(), members);
  EXPECT_EQ(half->rank(), members - 1 - group.rank() / 2);
  Queue queue(Backend::cpu);
  std::vector<std::int32_t> mine{group.rank()}, all(static_cast<std::size_t>(members));
  half->all_gather(queue, view_of(mine), view_of(all));
  for (int i = 0; i < members; ++i)
    EXPECT_EQ(all[static_cast<std::size_t>(i)], 2 * (members - 1 - i) + color);
  // A second split of the same color is another group, and a split can be split.
  auto const again = group.split(color, group.rank())->split(0, 0);
  EXPECT_EQ(again->size(), members);
  EXPECT_EQ(again->rank(), group.rank() / 2);
  check_sums<double>(*again);
}

void check_one_element_type_is_refused(Communicator& group) {
  Queue queue(Backend::cpu);
  std::uint8_t bytes[4] = {};
  if (group.size() > 1) {
    EXPECT_THROW(group.all_reduce(queue, View(bytes, DType::uint8, Shape{4})), UsageError);
  }
}

}  // namespace accord::parallel
