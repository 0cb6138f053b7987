#include <gtest/gtest.h>

#include "tests/parallel/model/layout_cells.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;

namespace {

class Layouts : public ::testing::TestWithParam<LayoutCell> {};

std::string name_of_cell(::testing::TestParamInfo<LayoutCell> const& info) {
  std::string name = to_string(info.param);
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

}  // namespace

TEST_P(Layouts, EqualOneRank) { expect_equals_one_rank(GetParam()); }

// Each of one kind, and what the matrix leaves out: stages of unequal size, recomputed layers. The
// mutants name these.
INSTANTIATE_TEST_SUITE_P(
    Chosen, Layouts,
    ::testing::Values(
        LayoutCell{{.micro_batches = 4}}, LayoutCell{{.mesh = {.data = 4}, .micro_batches = 2}},
        LayoutCell{{.mesh = {.tensor = 2}}}, LayoutCell{{.mesh = {.tensor = 2}, .sequence = true}},
        LayoutCell{{.mesh = {.pipeline = 2}}},
        LayoutCell{{.mesh = {.pipeline = 4}, .micro_batches = 4, .part_layers = {1, 2, 0, 1}}},
        LayoutCell{{.mesh = {.data = 2, .pipeline = 2},
                    .micro_batches = 2,
                    .schedule = ScheduleKind::interleaved,
                    .chunks = 2,
                    .part_layers = {1, 2, 1, 0}}},
        LayoutCell{{.mesh = {.pipeline = 2, .tensor = 2},
                    .sequence = true,
                    .micro_batches = 2,
                    .recompute = Recompute::layer}},
        LayoutCell{{.mesh = {.pipeline = 2},
                    .micro_batches = 4,
                    .schedule = ScheduleKind::gpipe,
                    .recompute = Recompute::selective}},
        LayoutCell{{.mesh = {.data = 2, .pipeline = 2},
                    .zero = Zero::replicated,
                    .micro_batches = 2,
                    .schedule = ScheduleKind::interleaved,
                    .chunks = 2,
                    .recompute = Recompute::layer},
                   ContrastGradient::anchor,
                   2}),
    name_of_cell);

INSTANTIATE_TEST_SUITE_P(Covering, Layouts, ::testing::ValuesIn(covering_cells()), name_of_cell);

TEST(DeepLayout, OfFourStagesWithTwoChunksEachEqualsOneRank) {
  LayoutRun const run{.model = accord::testing::tiny_model_config(8), .global_batch = 16};
  Layout const layout{.mesh = {.data = 2, .pipeline = 4},
                      .micro_batches = 4,
                      .schedule = ScheduleKind::interleaved,
                      .chunks = 2};
  expect_equal(run_layout(layout, run), run_layout(Layout{}, run));
}

// Items of their own lengths, and of a kind that the official model lacks.
TEST(PatchSequenceLayouts, EqualOneRank) {
  for (std::vector<Index> const& frame : {std::vector<Index>{3}, std::vector<Index>{4, 2, 1}}) {
    LayoutRun const run{.model = accord::testing::tiny_sequence_model_config(frame, 4)};
    LayoutResult const want = run_layout(Layout{}, run);
    for (Layout const& layout :
         {Layout{.mesh = {.data = 2}, .micro_batches = 2},
          Layout{.mesh = {.tensor = 2}, .sequence = true},
          Layout{.mesh = {.pipeline = 2, .tensor = 2}, .micro_batches = 2}}) {
      SCOPED_TRACE(to_string(layout));
      expect_equal(run_layout(layout, run), want);
    }
  }
}

// Three modalities, each aligned with each, and a sequence of all of them.
TEST(ThreeModalityLayouts, EqualOneRank) {
  LayoutRun run{.model = accord::testing::tiny_sequence_model_config({3}, 2), .steps = 2};
  run.model.modalities.push_back(accord::testing::tiny_model_config().modalities[1]);
  run.model.objectives = {{"mtc", "contrast", 1, {1}, {0}},
                          {"itc", "contrast", 1, {2}, {0}},
                          {"imc", "contrast", 0.5, {2}, {1}},
                          {"dcl_motion_all", "denoise", 1, {1}, {0, 1, 2}, 1},
                          {"dcl_all_motion", "denoise", 0.5, {0, 1, 2}, {0, 1, 2}, 1},
                          {"dcl_all_image", "denoise", 0.5, {0, 1, 2}, {1, 2}, 2}};
  Layout const layout{
      .mesh = {.data = 2, .pipeline = 2, .tensor = 2}, .sequence = true, .micro_batches = 2};
  expect_equal(run_layout(layout, run), run_layout(Layout{}, run));
}

TEST(LayoutCells, OfTheCoveringArrayHoldEveryPairOfValues) {
  EXPECT_EQ(pairs_covered(covering_cells()), 319u);
  EXPECT_LE(covering_cells().size(), 60u);
}
