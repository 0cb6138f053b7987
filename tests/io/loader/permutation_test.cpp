#include "io/loader/permutation.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>
#include <vector>

using namespace accord;
using namespace accord::io;

namespace {
Draws const kDraws(17, Purpose::order);

void expect_bijective(std::uint64_t size, auto&& map) {
  std::vector<char> seen(size);
  for (std::uint64_t i = 0; i < size; ++i) {
    std::uint64_t const x = map(i);
    ASSERT_LT(x, size);
    ASSERT_FALSE(seen[x]) << "two places of " << size << " map to " << x;
    seen[x] = 1;
  }
}

/// Chi-square of counts that should all be equal, in standard deviations of its distribution.
double excess(std::map<std::vector<std::uint64_t>, int> const& counts, double outcomes,
              double trials) {
  double const expected = trials / outcomes;
  double chi_square = (outcomes - static_cast<double>(counts.size())) * expected;
  for (auto const& [outcome, count] : counts)
    chi_square += (count - expected) * (count - expected) / expected;
  return (chi_square - (outcomes - 1)) / std::sqrt(2 * (outcomes - 1));
}
}  // namespace

TEST(Permutation, VisitsEveryElementOnce) {
  for (std::uint64_t size : {1u, 2u, 3u, 5u, 17u, 64u, 97u, 256u, 1000u, 65536u, 65537u})
    expect_bijective(size, Permutation(size, kDraws, 0, 0, 1));
}

TEST(Permutation, StaysInsideTheLargestSizes) {
  for (std::uint64_t size : {(1ull << 48), (1ull << 41) + 12345, 2'000'000'011ull}) {
    Permutation const map(size, kDraws, 0, 0, 1);
    for (std::uint64_t i = 0; i < 1000; ++i) EXPECT_LT(map(size - 1 - i), size);
    EXPECT_NE(map(0), map(size - 1));
  }
}

TEST(Permutation, MakesEveryOrderEquallyLikely) {
  constexpr int kTrials = 60000;
  for (std::uint64_t size : {3u, 4u, 5u}) {
    std::map<std::vector<std::uint64_t>, int> counts;
    for (std::uint32_t epoch = 0; epoch < kTrials; ++epoch) {
      Permutation const map(size, kDraws, 0, 0, epoch);
      std::vector<std::uint64_t> order;
      for (std::uint64_t i = 0; i < size; ++i) order.push_back(map(i));
      ++counts[order];
    }
    EXPECT_LT(excess(counts, std::tgamma(static_cast<double>(size) + 1), kTrials), 4) << size;
  }
}

TEST(Permutation, DrawsPairsUniformly) {
  constexpr int kTrials = 100000;
  for (std::uint64_t size : {16u, 70u}) {
    std::map<std::vector<std::uint64_t>, int> counts;
    for (std::uint32_t epoch = 0; epoch < kTrials; ++epoch) {
      Permutation const map(size, kDraws, 0, 0, epoch);
      ++counts[{map(0), map(1)}];
    }
    EXPECT_LT(excess(counts, static_cast<double>(size * (size - 1)), kTrials), 4) << size;
  }
}

TEST(EpochOrder, VisitsEverySampleOnce) {
  for (std::uint64_t samples : std::initializer_list<std::uint64_t>{
           1, 31, 33, 696, EpochOrder::window, 2 * EpochOrder::window - 1,
           2 * EpochOrder::window + 40, 3 * EpochOrder::window + 5000})
    expect_bijective(samples, EpochOrder(samples, kDraws, 2, 0));
}

TEST(EpochOrder, ReadsFewBlocksInAnyWindow) {
  constexpr std::uint64_t kSamples = 1'000'000'000;
  EpochOrder const order(kSamples, kDraws, 0, 0);
  for (std::uint64_t w :
       std::initializer_list<std::uint64_t>{0, 777, kSamples / EpochOrder::window - 2}) {
    std::set<std::uint64_t>
        slabs;  // aligned stretches of 4 blocks; a moved block touches up to two
    for (std::uint64_t i = 0; i < EpochOrder::window; ++i)
      slabs.insert(order(w * EpochOrder::window + i) / (4 * EpochOrder::block));
    EXPECT_LE(slabs.size(), 2 * EpochOrder::window / EpochOrder::block);
  }
}

TEST(EpochOrder, MovesNeighboursApart) {
  constexpr std::uint64_t kSamples = 100'000;
  EpochOrder const order(kSamples, kDraws, 0, 0);
  std::vector<double> place(kSamples);
  for (std::uint64_t i = 0; i < kSamples; ++i) place[order(i)] = static_cast<double>(i);
  double distance = 0, displacement = 0;
  int same_batch = 0;
  for (std::uint64_t s = 0; s + 1 < kSamples; ++s) {
    distance += std::abs(place[s] - place[s + 1]) / kSamples;
    displacement += std::abs(place[s] - static_cast<double>(s)) / kSamples;
    same_batch += std::floor(place[s] / 256) == std::floor(place[s + 1] / 256);
  }
  EXPECT_NEAR(displacement, kSamples / 3., kSamples * 0.02);
  EXPECT_GT(distance, EpochOrder::window / 3.);
  EXPECT_LT(same_batch / double{kSamples}, 0.035);  // 256 of 8192, against 0.0026 of a full shuffle
}

// The samples of a window, told apart from those of another epoch by more than the offset of that
// epoch: the gaps between the blocks that meet in it.
TEST(EpochOrder, BringsOtherBlocksTogetherInEachEpoch) {
  auto const gaps = [](std::uint32_t epoch) {
    EpochOrder const order(1'000'000, kDraws, epoch, 0);
    std::set<std::uint64_t> samples;
    for (std::uint64_t i = 0; i < EpochOrder::window; ++i) samples.insert(order(i));
    std::multiset<std::uint64_t> gaps;
    for (auto next = std::next(samples.begin()); next != samples.end(); ++next)
      if (std::uint64_t const gap = *next - *std::prev(next); gap > 1) gaps.insert(gap);
    return gaps;
  };
  std::multiset<std::uint64_t> const first = gaps(0), second = gaps(1);
  EXPECT_GT(first.size(), 20u);
  std::vector<std::uint64_t> common;
  std::set_intersection(first.begin(), first.end(), second.begin(), second.end(),
                        std::back_inserter(common));
  EXPECT_LT(common.size(), 5u);
}

TEST(EpochOrder, ChangesWithEpochSeedAndSource) {
  auto const orders = {EpochOrder(1000, kDraws, 0, 0), EpochOrder(1000, kDraws, 1, 0),
                       EpochOrder(1000, Draws(18, Purpose::order), 0, 0),
                       EpochOrder(1000, kDraws, 0, 1)};
  for (EpochOrder const& a : orders)
    for (EpochOrder const& b : orders) {
      if (&a == &b) continue;
      int equal = 0;
      for (std::uint64_t i = 0; i < 1000; ++i) equal += a(i) == b(i);
      EXPECT_LT(equal, 10);
    }
}
