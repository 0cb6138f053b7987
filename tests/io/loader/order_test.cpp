#include "io/loader/order.hpp"

#include <fmt/core.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "core/base/error.hpp"

using namespace accord;
using namespace accord::io;

namespace {

Order lone(std::uint64_t samples, std::uint64_t batch, OrderState const* start = nullptr,
           std::uint32_t seed = 3) {
  return Order({{"pairs", samples, 1, "hash-" + std::to_string(samples)}}, batch, seed, start);
}

std::vector<OrderSource> three_sources() {
  return {{"large", 100000, 5, "a"}, {"small", 700, 1, "b"}, {"tiny", 3, 0.001, "c"}};
}

}  // namespace

TEST(Order, GivesEachEpochWholeStepsWithoutRepetition) {
  Order const order = lone(107, 25);  // 4 steps, 7 samples left out
  EXPECT_EQ(order.steps_per_epoch(), 4u);
  std::set<std::uint64_t> left_out_first;
  for (std::uint64_t epoch = 0; epoch < 3; ++epoch) {
    std::set<std::uint64_t> seen;
    for (std::uint64_t i = 0; i < 100; ++i) {
      Order::Place const place = order.at(epoch * 100 + i);
      EXPECT_LT(place.sample, 107u);
      EXPECT_TRUE(seen.insert(place.sample).second);
      EXPECT_EQ(order.epoch(epoch * 100 + i), epoch);
    }
    for (std::uint64_t s = 0; s < 107; ++s)
      if (!seen.count(s)) left_out_first.insert(s);
  }
  EXPECT_GT(left_out_first.size(), 12u) << "the same samples are left out each time";
}

TEST(Order, IsAFunctionOfSeedAndPositionAlone) {
  Order const order = lone(1000, 10);
  EXPECT_EQ(order.at(4711), lone(1000, 10).at(4711));
  int equal = 0, next_epoch = 0;
  Order const other = lone(1000, 10, nullptr, 4);
  for (std::uint64_t p = 0; p < 1000; ++p) {
    equal += order.at(p) == other.at(p);
    next_epoch += order.at(p) == order.at(p + 1000);
  }
  EXPECT_LT(equal, 10);
  EXPECT_LT(next_epoch, 10);
}

TEST(Order, DoesNotDependOnTheBatchSizeWhereEpochsAreWhole) {
  for (std::uint64_t p = 0; p < 1000; ++p) EXPECT_EQ(lone(1000, 10).at(p), lone(1000, 100).at(p));
}

TEST(Order, ReplacesASampleByTheOneAtTheSamePlaceOfTheNextEpochs) {
  Order const order = lone(107, 25);
  for (std::uint64_t p : {0ull, 99ull, 100ull, 1234ull})
    for (int attempt = 0; attempt < Order::max_attempts; ++attempt)
      EXPECT_EQ(order.at(p, attempt), order.at(p + static_cast<std::uint64_t>(attempt) * 100));
}

TEST(Order, RefusesASourceSmallerThanABatch) {
  try {
    lone(24, 25);
    FAIL();
  } catch (DataError const& error) {
    EXPECT_NE(std::string(error.what()).find("24 samples"), std::string::npos) << error.what();
  }
  EXPECT_NO_THROW(lone(25, 25));
  EXPECT_THROW(Order({{"a", 0, 1, ""}, {"b", 5, 1, ""}}, 2, 0), DataError);
}

TEST(Order, ContinuesWhereItStopped) {
  Order const order = lone(107, 25);
  for (std::uint64_t p : {0ull, 25ull, 100ull, 275ull}) {
    OrderState const state = order.state(p);
    EXPECT_EQ(state.position, p);
    EXPECT_EQ(state.sources[0].first, p / 100 * 100);
    EXPECT_EQ(state.sources[0].epoch, p / 100);
    Order const resumed = lone(107, 25, &state);
    for (std::uint64_t i = 0; i < 300; ++i) ASSERT_EQ(resumed.at(p + i), order.at(p + i));
    EXPECT_EQ(resumed.state(p + 150), order.state(p + 150));
  }
}

TEST(Order, KeepsTheSamplesItsEpochBeganWithAndTakesNewOnesInTheNext) {
  Order const old = lone(107, 25);
  OrderState const middle = old.state(150), boundary = old.state(200);
  Order const grown = lone(208, 25, &middle);
  for (std::uint64_t p = 150; p < 200; ++p) EXPECT_EQ(grown.at(p), old.at(p));
  EXPECT_EQ(grown.at(150, 1), old.at(150, 1));  // replacements too
  std::set<std::uint64_t> seen;
  for (std::uint64_t p = 200; p < 400; ++p) seen.insert(grown.at(p).sample);
  EXPECT_EQ(seen.size(), 200u);
  EXPECT_GT(*seen.rbegin(), 107u);
  EXPECT_EQ(grown.state(175).sources[0].index, "hash-107");
  EXPECT_EQ(grown.state(200).sources[0].index, "hash-208");
  EXPECT_EQ(grown.epoch(399), 2u);
  EXPECT_EQ(grown.epoch(400), 3u);
  // stopped exactly between epochs: the same
  Order const later = lone(208, 25, &boundary);
  for (std::uint64_t p = 200; p < 700; ++p) ASSERT_EQ(later.at(p), grown.at(p));
  OrderState const second = grown.state(300);
  Order const again = lone(208, 25, &second);
  for (std::uint64_t p = 300; p < 700; ++p) ASSERT_EQ(again.at(p), grown.at(p));
  EXPECT_THROW(lone(106, 25, &middle), DataError);  // shrunk
}

TEST(Order, GivesEachSourceItsQuotaOfEveryWindow) {
  Order const order(three_sources(), 32, 3);
  for (std::uint64_t window : {0ull, 1ull, 1ull << 30}) {
    std::map<int, std::uint64_t> given, in_first_quarter;
    for (std::uint64_t i = 0; i < Order::mixture_window; ++i) {
      int const source = order.at(window * Order::mixture_window + i).source;
      ++given[source];
      if (i < Order::mixture_window / 4) ++in_first_quarter[source];
    }
    // 65536 x {5, 1, 0.001} / 6.001 = 54604.2, 10920.8, 10.9
    EXPECT_EQ(given[0], 54604u);
    EXPECT_EQ(given[1], 10921u);
    EXPECT_EQ(given[2], 11u);
    EXPECT_NEAR(static_cast<double>(in_first_quarter[1]), 10921 / 4., 250);
  }
}

TEST(Order, GivesEachSourceOfAMixtureItsOwnEpochs) {
  Order const order(three_sources(), 32, 3);
  std::map<std::uint64_t, int>
      times;  // of the samples of "small", 700: 10921 of them are 15.6 epochs
  for (std::uint64_t p = 0; p < Order::mixture_window; ++p)
    if (Order::Place const place = order.at(p); place.source == 1) ++times[place.sample];
  EXPECT_EQ(times.size(), 700u);
  for (auto const& [sample, count] : times) {
    EXPECT_GE(count, 15);
    EXPECT_LE(count, 16);
  }
}

TEST(Order, ContinuesAMixtureWhereItStopped) {
  Order const order(three_sources(), 32, 3);
  for (std::uint64_t p : {32ull, 65536ull, 100000ull}) {
    OrderState const state = order_state_from_json(to_json(order.state(p)));
    auto grown = three_sources();
    grown[1].samples = 900;  // kept out: the run began with 700
    Order const resumed(grown, 32, 3, &state);
    for (std::uint64_t i = 0; i < 70000; i += 7) ASSERT_EQ(resumed.at(p + i), order.at(p + i));
    EXPECT_EQ(resumed.state(p + 70000), order.state(p + 70000));
  }
}

TEST(Order, RefusesImpossibleWeightsAndChangedSources) {
  auto sources = three_sources();
  sources[2].weight = 1e-9;
  EXPECT_THROW(Order(sources, 32, 3), UsageError);
  sources[2].weight = -1;
  EXPECT_THROW(Order(sources, 32, 3), UsageError);
  OrderState const state = Order(three_sources(), 32, 3).state(64);
  sources = three_sources();
  std::swap(sources[0], sources[1]);
  EXPECT_THROW(Order(sources, 32, 3, &state), UsageError);
  EXPECT_THROW(lone(1000, 32, &state), UsageError);
}

TEST(Order, KeepsItsBatchAndItsMixture) {
  OrderState const alone = lone(107, 25).state(100);
  EXPECT_THROW(lone(107, 20, &alone), UsageError);
  OrderState const mixed = Order(three_sources(), 32, 3).state(64);
  auto sources = three_sources();
  sources[1].weight = 2;
  EXPECT_THROW(Order(sources, 32, 3, &mixed), UsageError);
}

TEST(Order, RefusesADamagedState) {
  OrderState state = lone(107, 25).state(100);
  state.sources[0].samples = 3;  // less than a batch: no epoch at all
  EXPECT_THROW(lone(107, 25, &state), DataError);
  state = lone(107, 25).state(100);
  state.sources[0].first = 125;
  EXPECT_THROW(lone(107, 25, &state), DataError);
}

TEST(OrderState, SurvivesItsJson) {
  OrderState const state = lone(107, 25).state(275);
  EXPECT_EQ(order_state_from_json(to_json(state)), state);
  EXPECT_THROW(order_state_from_json("{\"position\": 3}"), DataError);
  for (char const* position : {"2e28", "1.5", "-1"})
    EXPECT_THROW(order_state_from_json(fmt::format(
                     "{{\"position\": {}, \"global_batch\": 4, \"sources\": []}}", position)),
                 DataError)
        << position;
  EXPECT_THROW(order_state_from_json("no json"), DataError);
}
