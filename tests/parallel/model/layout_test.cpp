#include <gtest/gtest.h>

#include "tests/parallel/model/layout_run.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;

namespace {

LayoutRun tiny_run(ContrastGradient gradient) {
  LayoutRun run{.model = accord::testing::tiny_model_config(), .gradient = gradient};
  run.model.encoder.layers = 4;
  return run;
}

LayoutResult const& one_rank(ContrastGradient gradient) {
  static LayoutResult const exact = run_layout(Layout{}, tiny_run(ContrastGradient::exact));
  static LayoutResult const anchor = run_layout(Layout{}, tiny_run(ContrastGradient::anchor));
  return gradient == ContrastGradient::exact ? exact : anchor;
}

class LayoutTest : public ::testing::TestWithParam<Layout> {};

}  // namespace

TEST_P(LayoutTest, EqualsOneRank) {
  for (ContrastGradient gradient : {ContrastGradient::exact, ContrastGradient::anchor})
    std::printf(
        "%s: %s\n", to_string(GetParam()).c_str(),
        to_string(expect_equal(run_layout(GetParam(), tiny_run(gradient)), one_rank(gradient)))
            .c_str());
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, LayoutTest,
    ::testing::Values(
        Layout{.zero = Zero::replicated}, Layout{.micro_batches = 4}, Layout{.mesh = {.data = 2}},
        Layout{.mesh = {.data = 4}, .micro_batches = 2},
        Layout{.mesh = {.data = 2}, .zero = Zero::replicated, .micro_batches = 4},
        Layout{.mesh = {.tensor = 2}}, Layout{.mesh = {.tensor = 4}, .micro_batches = 2},
        Layout{.mesh = {.data = 2, .tensor = 2}, .micro_batches = 2},
        Layout{.mesh = {.data = 2, .tensor = 4}, .zero = Zero::replicated},
        Layout{.mesh = {.tensor = 2}, .sequence = true},
        Layout{.mesh = {.tensor = 4}, .sequence = true, .micro_batches = 2},
        Layout{.mesh = {.data = 2, .tensor = 2},
               .sequence = true,
               .zero = Zero::replicated,
               .micro_batches = 4},
        Layout{.mesh = {.pipeline = 2}}, Layout{.mesh = {.pipeline = 2}, .micro_batches = 4},
        Layout{.mesh = {.pipeline = 4}, .micro_batches = 4, .schedule = ScheduleKind::gpipe},
        Layout{.mesh = {.pipeline = 2},
               .micro_batches = 4,
               .schedule = ScheduleKind::interleaved,
               .chunks = 2},
        Layout{
            .mesh = {.data = 2, .pipeline = 2, .tensor = 2}, .sequence = true, .micro_batches = 2}),
    [](auto const& instance) {
      std::string name = to_string(instance.param);
      std::replace(name.begin(), name.end(), ' ', '_');
      return name;
    });
