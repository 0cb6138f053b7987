#include "parallel/data/held_ranges.hpp"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "core/base/error.hpp"

namespace accord::parallel {
namespace {

TEST(HeldRanges, FindValuesWhereverTheRangesCameFrom) {
  HeldRanges const held({{90, 10}, {40, 5}, {0, 20}});  // as buckets run
  EXPECT_EQ(held.size(), 35);
  EXPECT_EQ(held.ranges(), (std::vector<FlatRange>{{0, 20}, {40, 5}, {90, 10}}));
  std::vector<double> values(35);
  std::iota(values.begin(), values.end(), 0.0);
  View const all(values.data(), DType::float64, Shape{35});
  EXPECT_EQ(held.of(all, {0, 20}).as<double>()[0], 0);
  EXPECT_EQ(held.of(all, {42, 3}).as<double>()[0], 22);
  View const last = held.of(all, {99, 1});
  EXPECT_EQ(last.size(), 1);
  EXPECT_EQ(last.as<double>()[0], 34);
}

TEST(HeldRanges, RefuseWhatIsNotHeld) {
  HeldRanges const held({{40, 5}, {90, 10}});
  View const all(nullptr, DType::float64, Shape{15});
  for (FlatRange const range : {FlatRange{0, 5}, {39, 2}, {44, 2}, {50, 1}, {40, 60}, {99, 2}})
    EXPECT_THROW(held.of(all, range), Error) << range.begin;
}

}  // namespace
}  // namespace accord::parallel
