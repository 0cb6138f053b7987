#include "app/train/save_policy.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace accord::app {
namespace {

CheckpointConfig checkpoint(Index every_steps, double every_minutes) {
  CheckpointConfig config;
  config.every_steps = every_steps;
  config.every_minutes = every_minutes;
  return config;
}

TEST(SavePolicy, SavesAtTheEndWhateverIsAsked) {
  SavePolicy const policy(checkpoint(0, 0), 10, 0);
  EXPECT_FALSE(policy.due(9, 1e9));
  EXPECT_TRUE(policy.due(10, 0));
}

TEST(SavePolicy, SavesEverySoManySteps) {
  SavePolicy const policy(checkpoint(4, 0), 10, 0);
  std::vector<Index> saved;
  for (Index step = 1; step <= 10; ++step)
    if (policy.due(step, 0)) saved.push_back(step);
  EXPECT_EQ(saved, (std::vector<Index>{4, 8, 10}));
}

TEST(SavePolicy, SavesWhenMinutesAreOverSinceTheLoopBeganOrTheLastSave) {
  SavePolicy policy(checkpoint(0, 0.5), 10, 100);
  EXPECT_FALSE(policy.due(1, 130));
  EXPECT_TRUE(policy.due(1, 130.5));
  policy.saved(140);
  EXPECT_FALSE(policy.due(2, 170));
  EXPECT_TRUE(policy.due(2, 170.5));
}

}  // namespace
}  // namespace accord::app
