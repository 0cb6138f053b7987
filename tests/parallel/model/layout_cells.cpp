#include "tests/parallel/model/layout_cells.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "tests/support/tiny_model.hpp"

namespace accord::parallel {
namespace {

constexpr int most_ranks = 8;

// A cell's value on each axis.
using Values = std::array<int, 10>;

Values values_of(LayoutCell const& cell) {
  Layout const& layout = cell.layout;
  return {layout.mesh.data,
          layout.mesh.pipeline,
          layout.mesh.tensor,
          layout.sequence,
          static_cast<int>(layout.zero),
          static_cast<int>(layout.schedule),
          layout.micro_batches,
          static_cast<int>(cell.gradient),
          cell.stage,
          cell.kind == "contrast" ? 0 : 1};
}

// Axis, value, axis, value.
using Pair = std::tuple<std::size_t, int, std::size_t, int>;

std::vector<Pair> pairs_of(LayoutCell const& cell) {
  Values const values = values_of(cell);
  std::vector<Pair> pairs;
  for (std::size_t a = 0; a < values.size(); ++a)
    for (std::size_t b = a + 1; b < values.size(); ++b)
      pairs.emplace_back(a, values[a], b, values[b]);
  return pairs;
}

std::set<Pair> pairs_of(std::vector<LayoutCell> const& cells) {
  std::set<Pair> pairs;
  for (LayoutCell const& cell : cells)
    for (Pair const& pair : pairs_of(cell)) pairs.insert(pair);
  return pairs;
}

bool legal(Layout const& layout, std::string_view kind) {
  if (kind != "contrast" && layout.zero != Zero::sharded) return false;
  MeshShape const& mesh = layout.mesh;
  if (mesh.data * mesh.pipeline * mesh.tensor > most_ranks) return false;
  if (layout.sequence && mesh.tensor == 1) return false;
  // One stage does the same in any order.
  if (mesh.pipeline == 1) return layout.schedule == ScheduleKind::one_forward_one_backward;
  return layout.schedule != ScheduleKind::interleaved || layout.micro_batches % mesh.pipeline == 0;
}

// Of a model that every cell of this shape can cut.
Index parts_of(LayoutCell const& cell) {
  MeshShape const& mesh = cell.layout.mesh;
  return std::max({4, mesh.pipeline, mesh.tensor});
}

}  // namespace

std::string to_string(LayoutCell const& cell) {
  return to_string(cell.layout) +
         (cell.gradient == ContrastGradient::exact ? " exact" : " anchor") +
         (cell.stage == 1 ? "" : " stage2") +
         (cell.kind == "contrast" ? "" : fmt::format(" {}", cell.kind));
}

LayoutRun matrix_run(LayoutCell const& cell) {
  Index const parts = parts_of(cell);
  ModelConfig model =
      cell.stage == 1 ? testing::tiny_model_config(parts) : testing::tiny_audio_model_config(parts);
  model.encoder.heads = parts;
  for (ObjectiveConfig& objective : model.objectives)
    if (objective.kind == "contrast") {
      objective.kind = cell.kind;
      // A sum over all pairs: weighed down to the size of the softmax's mean, or its gradient
      // drowns the other terms', and what is left of them is rounding.
      if (cell.kind != "contrast") objective.weight /= 64;
    }
  return {.model = std::move(model), .global_batch = 64, .gradient = cell.gradient};
}

LayoutResult const& one_rank(LayoutCell const& cell) {
  static std::map<std::tuple<Index, ContrastGradient, int, std::string_view>, LayoutResult> results;
  auto const [result, added] =
      results.try_emplace({parts_of(cell), cell.gradient, cell.stage, cell.kind});
  if (added) result->second = run_layout(Layout{}, matrix_run(cell));
  return result->second;
}

void expect_equals_one_rank(LayoutCell const& cell) {
  LayoutErrors const errors =
      expect_equal(run_layout(cell.layout, matrix_run(cell)), one_rank(cell));
  std::printf("%s: %s\n", to_string(cell).c_str(), to_string(errors).c_str());
}

std::vector<LayoutCell> all_cells() {
  std::vector<LayoutCell> cells;
  for (int data : {1, 2, 4, 8})
    for (int pipeline : {1, 2, 4, 8})
      for (int tensor : {1, 2, 4, 8})
        for (bool sequence : {false, true})
          for (Zero zero : {Zero::replicated, Zero::sharded})
            for (ScheduleKind schedule :
                 {ScheduleKind::gpipe, ScheduleKind::one_forward_one_backward,
                  ScheduleKind::interleaved})
              for (int micro_batches : {1, 2, 4})
                for (ContrastGradient gradient :
                     {ContrastGradient::exact, ContrastGradient::anchor})
                  for (int stage : {1, 2})
                    for (char const* kind : {"contrast", "sigmoid_contrast"}) {
                      Layout layout{.mesh = {data, pipeline, tensor},
                                    .sequence = sequence,
                                    .zero = zero,
                                    .micro_batches = micro_batches,
                                    .schedule = schedule};
                      // On four stages half of the chunks hold no layer.
                      if (schedule == ScheduleKind::interleaved) layout.chunks = 2;
                      if (legal(layout, kind)) cells.push_back({layout, gradient, stage, kind});
                    }
  return cells;
}

std::vector<LayoutCell> covering_cells() {
  std::vector<LayoutCell> const cells = all_cells();
  std::set<Pair> missing = pairs_of(cells);
  std::vector<LayoutCell> chosen;
  auto const gain = [&](LayoutCell const& cell) {
    std::vector<Pair> const pairs = pairs_of(cell);
    return std::count_if(pairs.begin(), pairs.end(),
                         [&](Pair const& pair) { return missing.contains(pair); });
  };
  while (!missing.empty()) {
    chosen.push_back(*std::max_element(
        cells.begin(), cells.end(),
        [&](LayoutCell const& a, LayoutCell const& b) { return gain(a) < gain(b); }));
    for (Pair const& pair : pairs_of(chosen.back())) missing.erase(pair);
  }
  return chosen;
}

std::size_t pairs_covered(std::vector<LayoutCell> const& cells) { return pairs_of(cells).size(); }

}  // namespace accord::parallel
