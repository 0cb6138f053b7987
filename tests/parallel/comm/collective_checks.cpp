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

/// A sum over ranks, exactly as added in rank order.
struct InRankOrder {
  template <class T>
  void operator()(std::vector<T> const& got, int ranks, Index begin) const {
    Index const count = static_cast<Index>(got.size());
    std::vector<T> const whole = serial_sum<T>(ranks, begin + count);
    EXPECT_EQ(got, std::vector<T>(whole.begin() + begin, whole.end()));
  }
};

/// A sum over ranks in any order: each addition rounds once, to half a unit of what is added up.
struct InAnyOrder {
  template <class T>
  void operator()(std::vector<T> const& got, int ranks, Index begin) const {
    if constexpr (!std::is_floating_point_v<T>) return InRankOrder{}(got, ranks, begin);
    Index const end = begin + static_cast<Index>(got.size());
    std::vector<double> sum(got.size()), magnitude(got.size());
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<T> const x = values_of<T>(rank, end);
      for (std::size_t i = 0; i < got.size(); ++i) {
        double const value = static_cast<double>(x[static_cast<std::size_t>(begin) + i]);
        sum[i] += value;
        magnitude[i] += std::abs(value);
      }
    }
    double const unit = ranks * static_cast<double>(std::numeric_limits<T>::epsilon());
    for (std::size_t i = 0; i < got.size(); ++i)
      ASSERT_NEAR(static_cast<double>(got[i]), sum[i], unit * magnitude[i]) << "element " << i;
  }
};

template <class T, class Expect>
void check_sums(Queue& queue, Communicator& group, Expect const& expect) {
  for (Index n : sizes) {
    SCOPED_TRACE(testing::Message() << name_of(dtype_of<T>) << " x " << n << ", rank "
                                    << group.rank() << " of " << group.size());
    Tensor x = Tensor::from_host(queue, values_of<T>(group.rank(), n));
    group.all_reduce(queue, x);
    expect(to_host<T>(queue, x), group.size(), 0);

    Index const begin = n * group.rank();
    Tensor send = Tensor::from_host(queue, values_of<T>(group.rank(), n * group.size()));
    Tensor part(queue, dtype_of<T>, Shape{n});
    group.reduce_scatter(queue, send, part);
    expect(to_host<T>(queue, part), group.size(), begin);

    View const own = send.view().rows(begin, n);
    group.start_reduce_scatter(queue, send, own)->wait(queue);
    SCOPED_TRACE("in place");
    expect(to_host<T>(queue, own), group.size(), begin);
  }
}

}  // namespace

void check_sums_run_in_rank_order(Queue& queue, Communicator& group) {
  check_sums<double>(queue, group, InRankOrder{});
  check_sums<float>(queue, group, InRankOrder{});
  check_sums<std::int32_t>(queue, group, InRankOrder{});
  check_sums<std::int64_t>(queue, group, InRankOrder{});
}

void check_sums_to_rounding(Queue& queue, Communicator& group) {
  check_sums<double>(queue, group, InAnyOrder{});
  check_sums<float>(queue, group, InAnyOrder{});
  check_sums<std::int32_t>(queue, group, InAnyOrder{});
  check_sums<std::int64_t>(queue, group, InAnyOrder{});
}

void check_sums_of_bfloat16(Queue& queue, Communicator& group) {
  // Whole numbers up to 255 are exact in bfloat16, and so are their sums here.
  std::vector<BFloat16> x(1000);
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] = to_bfloat16(static_cast<float>(i % 16 + static_cast<std::size_t>(group.rank())));
  Tensor values = Tensor::from_host(queue, x);
  group.all_reduce(queue, values);
  std::vector<BFloat16> const sums = to_host<BFloat16>(queue, values);
  int const ranks = group.size();
  for (std::size_t i = 0; i < x.size(); ++i)
    EXPECT_EQ(to_float32(sums[i]),
              static_cast<float>(ranks * static_cast<int>(i % 16) + ranks * (ranks - 1) / 2));
}

void check_maximum(Queue& queue, Communicator& group) {
  for (Index n : sizes) {
    std::vector<double> want = values_of<double>(0, n);
    for (int rank = 1; rank < group.size(); ++rank) {
      std::vector<double> const theirs = values_of<double>(rank, n);
      for (std::size_t i = 0; i < want.size(); ++i) want[i] = std::max(want[i], theirs[i]);
    }
    Tensor x = Tensor::from_host(queue, values_of<double>(group.rank(), n));
    group.all_reduce(queue, x, Reduce::max);
    EXPECT_EQ(to_host<double>(queue, x), want);
  }
  // NaN of the first, and of the last rank, is seen by all.
  double const nan = std::numeric_limits<double>::quiet_NaN();
  Tensor x = Tensor::from_host(
      queue, std::vector<double>{group.rank() == 0 ? nan : 1.0,
                                 group.rank() == group.size() - 1 ? nan : 1.0, 2.0});
  group.all_reduce(queue, x, Reduce::max);
  std::vector<double> const got = to_host<double>(queue, x);
  EXPECT_TRUE(std::isnan(got[0]) && std::isnan(got[1]));
  EXPECT_EQ(got[2], 2.0);
}

void check_gather_broadcast_and_barrier(Queue& queue, Communicator& group) {
  for (Index n : sizes) {
    std::vector<float> const mine = values_of<float>(group.rank(), n);
    std::vector<float> want;
    for (int rank = 0; rank < group.size(); ++rank) {
      std::vector<float> const theirs = values_of<float>(rank, n);
      want.insert(want.end(), theirs.begin(), theirs.end());
    }
    Tensor gathered = Tensor::zeros(queue, DType::float32, Shape{n * group.size()});
    group.all_gather(queue, Tensor::from_host(queue, mine), gathered);
    EXPECT_EQ(to_host<float>(queue, gathered), want);

    Tensor in_place = Tensor::zeros(queue, DType::float32, Shape{n * group.size()});
    View const own = in_place.view().rows(group.rank() * n, n);
    upload(queue, mine.data(), own);
    group.all_gather(queue, own, in_place);
    EXPECT_EQ(to_host<float>(queue, in_place), want) << "in place";

    for (int root = 0; root < group.size(); ++root) {
      Tensor x = Tensor::from_host(queue, mine);
      group.broadcast(queue, x, root);
      EXPECT_EQ(to_host<float>(queue, x), values_of<float>(root, n));
    }
    group.barrier(queue);
  }
}

void check_ring(Queue& queue, Communicator& group) {
  int const next = (group.rank() + 1) % group.size();
  int const previous = (group.rank() + group.size() - 1) % group.size();
  for (Index n : {Index{0}, Index{1}, Index{70001}}) {
    Tensor block = Tensor::from_host(queue, values_of<double>(group.rank(), n));
    Tensor other = Tensor::zeros(queue, DType::float64, Shape{n});
    for (int hop = 1; hop <= group.size(); ++hop) {
      group.start_send_receive(queue, block, next, other, previous)->wait(queue);
      std::swap(block, other);
      EXPECT_EQ(to_host<double>(queue, block),
                values_of<double>((group.rank() + group.size() - hop) % group.size(), n));
    }
  }
  // An open chain, as of pipeline stages: the ends have one side only.
  Tensor const mine =
      Tensor::from_host(queue, std::vector<double>{static_cast<double>(group.rank())});
  Tensor got = Tensor::from_host(queue, std::vector<double>{-1});
  int const to = group.rank() + 1 < group.size() ? next : -1;
  int const from = group.rank() > 0 ? previous : -1;
  group.start_send_receive(queue, mine, to, got, from)->wait(queue);
  EXPECT_EQ(to_host<double>(queue, got)[0], group.rank() - 1.0);
}

void check_requests_overlap(Queue& queue, Communicator& group) {
  constexpr Index n = 301;
  // Whole numbers: their sums are exact in any order.
  Index const count = n * group.size();
  std::vector<double> values(static_cast<std::size_t>(count)), doubled(values.size());
  for (Index i = 0; i < count; ++i) {
    values[static_cast<std::size_t>(i)] = static_cast<double>(i * (group.rank() + 1));
    doubled[static_cast<std::size_t>(i)] = 2 * values[static_cast<std::size_t>(i)];
  }
  Tensor const a = Tensor::from_host(queue, values), b = Tensor::from_host(queue, doubled);
  Tensor part_a(queue, DType::float64, Shape{n}), part_b(queue, DType::float64, Shape{n});
  Tensor ranks(queue, DType::float64, Shape{group.size()});
  auto first = group.start_reduce_scatter(queue, a, part_a);
  auto second = group.start_reduce_scatter(queue, b, part_b);
  Tensor const rank =
      Tensor::from_host(queue, std::vector<double>{static_cast<double>(group.rank())});
  group.all_gather(queue, rank, ranks);
  second->wait(queue);  // in another order than started
  first->wait(queue);
  std::vector<double> const got_a = to_host<double>(queue, part_a),
                            got_b = to_host<double>(queue, part_b),
                            all = to_host<double>(queue, ranks);
  double const weight = group.size() * (group.size() + 1) / 2;
  for (Index i = 0; i < n; ++i) {
    double const want = weight * static_cast<double>(group.rank() * n + i);
    EXPECT_EQ(got_a[static_cast<std::size_t>(i)], want);
    EXPECT_EQ(got_b[static_cast<std::size_t>(i)], 2 * want);
  }
  for (std::size_t i = 0; i < all.size(); ++i) EXPECT_EQ(all[i], static_cast<double>(i));
}

void check_started_all_reduces(Queue& queue, Communicator& group) {
  auto const rank = static_cast<double>(group.rank());
  int const ranks = group.size();
  for (Index n : sizes) {
    // Whole numbers: their sums are exact in any order.
    std::vector<double> mine, want;
    for (Index i = 0; i < n; ++i) {
      mine.push_back(static_cast<double>(i) * (rank + 1));
      want.push_back(static_cast<double>(i) * ranks * (ranks + 1) / 2);
    }
    Tensor first = Tensor::from_host(queue, mine);
    Tensor second = Tensor::from_host(queue, std::vector<std::int64_t>{group.rank(), 7});
    auto const of_first = group.start_all_reduce(queue, first);
    auto const of_second = group.start_all_reduce(queue, second);
    check_requests_overlap(queue, group);
    group.barrier(queue);
    of_second->wait(queue);  // in another order than started
    of_first->wait(queue);
    EXPECT_EQ(to_host<double>(queue, first), want);
    EXPECT_EQ(to_host<std::int64_t>(queue, second),
              (std::vector<std::int64_t>{ranks * (ranks - 1) / 2, 7 * ranks}));
    EXPECT_TRUE(of_first->done(queue));
  }
}

void check_all_reduces_started_apart(Queue& queue, Communicator& group) {
  int const ranks = group.size(), last = ranks - 1;
  std::vector<double> sum = values_of<double>(group.rank(), 301);
  std::int64_t highest = group.rank();
  std::unique_ptr<Request> of_sum, of_highest;
  for (int step = 0; step < ranks; ++step) {
    if (step == group.rank()) {
      of_sum = group.start_all_reduce(queue, View(sum.data(), DType::float64, Shape{301}));
      of_highest =
          group.start_all_reduce(queue, View(&highest, DType::int64, Shape{1}), Reduce::max);
    }
    if (of_sum && step < last) {  // the last rank has not started
      EXPECT_FALSE(of_sum->done(queue));
      EXPECT_FALSE(of_highest->done(queue));
    }
    check_requests_overlap(queue, group);
    check_ring(queue, group);
  }
  while (!of_highest->done(queue) || !of_sum->done(queue)) {
  }
  EXPECT_EQ(sum, values_of<double>(group.rank(), 301)) << "written before wait()";
  of_highest->wait(queue);
  of_sum->wait(queue);
  EXPECT_EQ(highest, last);
  EXPECT_EQ(sum, serial_sum<double>(ranks, 301));
}

void check_split(Queue& queue, GroupCommunicator& group) {
  // Even and odd ranks, each in descending order.
  int const color = group.rank() % 2;
  auto const half = group.split(color, -group.rank());
  int const members = (group.size() - color + 1) / 2;
  EXPECT_EQ(half->size(), members);
  EXPECT_EQ(half->rank(), members - 1 - group.rank() / 2);
  Tensor const mine = Tensor::from_host(queue, std::vector<std::int32_t>{group.rank()});
  Tensor all(queue, DType::int32, Shape{members});
  half->all_gather(queue, mine, all);
  std::vector<std::int32_t> const ranks = to_host<std::int32_t>(queue, all);
  for (int i = 0; i < members; ++i)
    EXPECT_EQ(ranks[static_cast<std::size_t>(i)], 2 * (members - 1 - i) + color);
  // A second split of the same color is another group, and a split can be split.
  auto const again = group.split(color, group.rank())->split(0, 0);
  EXPECT_EQ(again->size(), members);
  EXPECT_EQ(again->rank(), group.rank() / 2);
  check_requests_overlap(queue, *again);
}

void check_one_element_type_is_refused(Queue& queue, Communicator& group) {
  std::uint8_t bytes[4] = {};
  if (group.size() > 1) {
    EXPECT_THROW(group.all_reduce(queue, View(bytes, DType::uint8, Shape{4})), UsageError);
  }
}

}  // namespace accord::parallel
