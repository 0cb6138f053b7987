#include "app/train/stop_policy.hpp"

#include <gtest/gtest.h>

namespace accord::app {
namespace {

TrainConfig train(Index stop_after_step, double stop_before_seconds = 0) {
  TrainConfig config;
  config.stop_after_step = stop_after_step;
  config.stop_before_seconds = stop_before_seconds;
  return config;
}

TEST(StopPolicy, AsksForNothingByDefault) {
  StopPolicy const policy(train(0), 10);
  for (Index step = 0; step <= 10; ++step) {
    EXPECT_FALSE(policy.after(step)) << step;
    EXPECT_EQ(policy.after_step(step, 1e9, false, false), Stop::no) << step;
  }
}

TEST(StopPolicy, StopsAfterTheStepAndWhereARunIsStartedAgainBehindIt) {
  StopPolicy const policy(train(4), 10);
  EXPECT_FALSE(policy.after(3));
  EXPECT_TRUE(policy.after(4));
  EXPECT_TRUE(policy.after(7));
  EXPECT_EQ(policy.after_step(3, 0, false, false), Stop::no);
  EXPECT_EQ(policy.after_step(4, 0, false, false), Stop::after_step);
}

TEST(StopPolicy, KeepsTimeForAnotherStepAndTwoSaves) {
  StopPolicy policy(train(0, 100), 10);
  EXPECT_EQ(policy.after_step(1, 100, false, false), Stop::no);
  EXPECT_EQ(policy.after_step(1, 100.5, false, false), Stop::time);
  policy.step_took(5);
  policy.step_took(3);  // the longest counts
  EXPECT_EQ(policy.after_step(1, 94.5, false, false), Stop::no);
  EXPECT_EQ(policy.after_step(1, 95.5, false, false), Stop::time);
  policy.save_took(10);
  EXPECT_EQ(policy.after_step(1, 74.5, false, false), Stop::no);
  EXPECT_EQ(policy.after_step(1, 75.5, false, false), Stop::time);
  policy.save_took(1);  // the last counts
  EXPECT_EQ(policy.after_step(1, 92.5, false, false), Stop::no);
}

TEST(StopPolicy, KeepsTimeForAValidationThatIsDue) {
  StopPolicy policy(train(0, 100), 10);
  policy.step_took(5);
  policy.validation_took(30);
  policy.validation_took(20);  // the longest counts
  EXPECT_EQ(policy.after_step(1, 80, false, false), Stop::no);
  EXPECT_EQ(policy.after_step(1, 80, false, true), Stop::time);
  EXPECT_EQ(policy.after_step(1, 64.5, false, true), Stop::no);
}

TEST(StopPolicy, LetsASignalCountMostAndTimeMoreThanTheStep) {
  StopPolicy const policy(train(4, 100), 10);
  EXPECT_EQ(policy.after_step(4, 200, true, false), Stop::signal);
  EXPECT_EQ(policy.after_step(4, 200, false, false), Stop::time);
  EXPECT_EQ(policy.after_step(1, 0, true, false), Stop::signal);
}

TEST(StopPolicy, LetsNothingStopARunThatIsDone) {
  StopPolicy const policy(train(10, 1), 10);
  EXPECT_FALSE(policy.after(10));
  EXPECT_EQ(policy.after_step(10, 100, true, false), Stop::no);
}

TEST(Stop, HasAReasonForTheRecord) {
  EXPECT_STREQ(reason_of(Stop::no), "finished");
  EXPECT_STREQ(reason_of(Stop::after_step), "stopped after train.stop_after_step");
  EXPECT_STREQ(reason_of(Stop::time), "stopped before train.stop_before_seconds");
  EXPECT_STREQ(reason_of(Stop::signal), "stopped by a signal");
  EXPECT_STREQ(reason_of(Stop::unlogged), "stopped because its log cannot be written");
}

}  // namespace
}  // namespace accord::app
