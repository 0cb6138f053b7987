// Fine-tuning at any layout: a classification head, position bias by layer, resized positions.

#include <gtest/gtest.h>

#include "tests/parallel/model/layout_run.hpp"
#include "tests/support/step_gradcheck.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;
using namespace accord::testing;

namespace {

LayoutRun run_of(Pooling pooling) {
  return {.model = tiny_finetune_config(4, pooling), .global_batch = 8, .steps = 3};
}

std::string name_of_layout(::testing::TestParamInfo<Layout> const& info) {
  std::string name = to_string(info.param);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

class FinetuneLayouts : public ::testing::TestWithParam<Layout> {};

}  // namespace

TEST_P(FinetuneLayouts, EqualOneRank) {
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token})
    expect_equal(run_layout(GetParam(), run_of(pooling)), run_layout(Layout{}, run_of(pooling)));
}

INSTANTIATE_TEST_SUITE_P(
    Chosen, FinetuneLayouts,
    ::testing::Values(
        Layout{.micro_batches = 4},
        Layout{.mesh = {.data = 2}, .zero = Zero::replicated, .micro_batches = 2},
        Layout{.mesh = {.tensor = 2}, .sequence = true},
        Layout{.mesh = {.pipeline = 2}, .micro_batches = 2, .recompute = Recompute::layer},
        Layout{.mesh = {.data = 2, .pipeline = 2, .tensor = 2},
               .sequence = true,
               .micro_batches = 2,
               .schedule = ScheduleKind::interleaved,
               .chunks = 2}),
    name_of_layout);

// Without a contrast the data are gone over once, whatever the number of micro-batches.
TEST(ClassificationAlone, EqualsOneRankOverStagesAndMicroBatches) {
  LayoutRun run = run_of(Pooling::attention);
  run.model.objectives.erase(run.model.objectives.begin());
  LayoutResult const want = run_layout(Layout{}, run);
  EXPECT_FALSE(want.parameters.contains("logit_scale"));
  EXPECT_FALSE(want.parameters.contains("image_proj.weight"));
  expect_equal(run_layout({.mesh = {.data = 2, .pipeline = 2}, .micro_batches = 2}, run), want);
}

TEST(FinetuneStep, GradientsMatchFiniteDifferences) {
  for (Pooling const pooling : {Pooling::attention, Pooling::class_token})
    expect_step_gradients_match_finite_differences(tiny_finetune_config(2, pooling), 3);
}
