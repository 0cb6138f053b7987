#include "core/optim/schedule.hpp"

#include <gtest/gtest.h>

namespace accord {
namespace {

constexpr Schedule stage1{5e-4, 1e-6, 3000, 200000};

TEST(Schedule, GivesThePublishedValuesOfStageOne) {  // docs/model.md 4.3
  EXPECT_DOUBLE_EQ(learning_rate_at(stage1, 0), 1e-6);
  EXPECT_NEAR(learning_rate_at(stage1, 1), 1.16633e-6, 0.5e-11);
  EXPECT_NEAR(learning_rate_at(stage1, 1500), 2.505e-4, 1e-15);
  EXPECT_NEAR(learning_rate_at(stage1, 2999), 4.99834e-4, 0.5e-9);
  EXPECT_DOUBLE_EQ(learning_rate_at(stage1, 3000), 5e-4);
  EXPECT_NEAR(learning_rate_at(stage1, 10000), 4.98447e-4, 0.5e-9);
  EXPECT_NEAR(learning_rate_at(stage1, 101500), 2.505e-4, 1e-15);
  EXPECT_NEAR(learning_rate_at(stage1, 199999), 1.0000000317e-6, 0.5e-16);
}

TEST(Schedule, HoldsTheMinimumFromTheLastStepOn) {
  EXPECT_EQ(learning_rate_at(stage1, 200000), 1e-6);
  EXPECT_EQ(learning_rate_at(stage1, 300000), 1e-6);
  // Even when the run ends within its warm-up.
  EXPECT_EQ(learning_rate_at({1e-3, 1e-6, 10, 10}, 10), 1e-6);
}

TEST(Schedule, StartsAtTheHighestRateWithoutWarmUp) {
  Schedule const schedule{1e-3, 1e-5, 0, 4};
  EXPECT_DOUBLE_EQ(learning_rate_at(schedule, 0), 1e-3);
  EXPECT_DOUBLE_EQ(learning_rate_at(schedule, 2), 1e-5 + 0.5 * (1e-3 - 1e-5));
}

}  // namespace
}  // namespace accord
