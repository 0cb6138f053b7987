#include "core/optim/adamw.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace accord {
namespace {

class UpdateRanges : public ::testing::Test {
 protected:
  UpdateRanges() {
    store.add(ParameterSpec{.name = "a", .shape = {10}});
    store.add(ParameterSpec{.name = "b", .shape = {7}});
    store.add(ParameterSpec{.name = "frozen", .shape = {100}, .trainable = false});
    store.add(ParameterSpec{.name = "c.bias", .shape = {5}, .decay = false});
    store.add(ParameterSpec{.name = "d", .shape = {3}});
    store.add(ParameterSpec{
        .name = "bounded", .shape = {}, .decay = false, .bounds = {0, std::log(100.0)}});
    store.allocate(queue, DType::float32);
  }
  Queue queue{Backend::cpu};
  ParameterStore store;
  AdamwOptions options;
};

TEST_F(UpdateRanges, JoinWhatIsUpdatedAlike) {
  auto const ranges = update_ranges(store, options, 0, store.trainable_size());
  ASSERT_EQ(ranges.size(), 4u);
  EXPECT_EQ(ranges[0].begin, 0);
  EXPECT_EQ(ranges[0].count, 64 + 7);
  EXPECT_EQ(ranges[0].weight_decay, 0.05);
  EXPECT_EQ(ranges[1].begin, 128);
  EXPECT_EQ(ranges[1].count, 5);
  EXPECT_EQ(ranges[1].weight_decay, 0);
  EXPECT_EQ(ranges[1].upper, std::numeric_limits<double>::infinity());
  EXPECT_EQ(ranges[2].weight_decay, 0.05);
  EXPECT_EQ(ranges[3].begin, 256);
  EXPECT_EQ(ranges[3].count, 1);
  EXPECT_EQ(ranges[3].lower, 0);
  EXPECT_EQ(ranges[3].upper, std::log(100.0));
}

TEST_F(UpdateRanges, CoverPartsOfAParameter) {
  auto const ranges = update_ranges(store, options, 66, 130);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].begin, 66);
  EXPECT_EQ(ranges[0].count, 5);
  EXPECT_EQ(ranges[1].begin, 128);
  EXPECT_EQ(ranges[1].count, 2);
}

TEST_F(UpdateRanges, SeparateLearningRateScales) {
  options.learning_rate_scale = {0.5, 0.25, 1, 1, 1, 1};
  auto const ranges = update_ranges(store, options, 0, 128);
  ASSERT_EQ(ranges.size(), 2u);
  EXPECT_EQ(ranges[0].learning_rate_scale, 0.5);
  EXPECT_EQ(ranges[1].learning_rate_scale, 0.25);
  AdamwStep const step = step_of(options, ranges[1], 3, 0.4, 0.9);
  EXPECT_EQ(step.learning_rate, 0.1);
  EXPECT_EQ(step.step, 3);
  EXPECT_EQ(step.gradient_scale, 0.9);
  EXPECT_EQ(step.weight_decay, 0.05);
}

}  // namespace
}  // namespace accord
