#pragma once
// Which layouts are compared with one rank: every composition of the axes that is legal on at most
// eight ranks, and a few of them that together hold every pair of values.

#include <string_view>
#include <vector>

#include "tests/parallel/model/layout_run.hpp"

namespace accord::parallel {

struct LayoutCell {
  Layout layout;
  ContrastGradient gradient = ContrastGradient::exact;
  int stage = 1;                       ///< 2: sounds join, what stage 1 trained is frozen
  std::string_view kind = "contrast";  ///< of what is compared over the global batch
};
std::string to_string(LayoutCell const& cell);

/// What a cell computes: the tiny model of its stage with a layer and a head for each of four
/// parts, or of eight where a cell has as many, and samples for eight data-parallel ranks of four
/// micro-batches of one pool.
LayoutRun matrix_run(LayoutCell const& cell);
/// The same on one rank in one micro-batch; computed once for all cells that compute it.
LayoutResult const& one_rank(LayoutCell const& cell);
/// Runs a cell on threads and expects it to equal one rank.
void expect_equals_one_rank(LayoutCell const& cell);

/// Data x pipeline x tensor x sequence x ZeRO x schedule x micro-batches x gradient mode x
/// training stage x kind of contrast; the sigmoid contrast with ZeRO 1 alone, which it does not
/// meet.
std::vector<LayoutCell> all_cells();
/// A covering array of strength two: each pair of values that occurs in all_cells() occurs here.
/// Greedy: always the first of the cells that cover the most pairs still missing.
std::vector<LayoutCell> covering_cells();
/// How many of those pairs occur in `cells`.
std::size_t pairs_covered(std::vector<LayoutCell> const& cells);

}  // namespace accord::parallel
