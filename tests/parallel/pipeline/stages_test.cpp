#include "parallel/pipeline/stages.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"

using namespace accord;
using namespace accord::parallel;

namespace {

// Begin of each part of the model, gathered from all stages; first and last flags are checked.
std::vector<Index> parts(Index layers, int stages, int chunks, std::vector<Index> const& given) {
  int const count = stages * chunks;
  std::vector<Index> begin(static_cast<std::size_t>(count) + 1, -1);
  for (int stage = 0; stage < stages; ++stage) {
    auto const held = chunks_of_stage(layers, stage, stages, chunks, given);
    EXPECT_EQ(static_cast<int>(held.size()), chunks);
    for (int chunk = 0; chunk < chunks; ++chunk) {
      LayerChunk const& one = held[static_cast<std::size_t>(chunk)];
      int const part = chunk * stages + stage;
      begin[static_cast<std::size_t>(part)] = one.layer_begin;
      if (part == count - 1) begin.back() = one.layer_end;
      EXPECT_EQ(one.first, part == 0);
      EXPECT_EQ(one.last, part == count - 1);
    }
  }
  return begin;
}

}  // namespace

TEST(Stages, CutTheModelIntoConsecutivePartsDealtInTurn) {
  EXPECT_EQ(parts(8, 1, 1, {}), (std::vector<Index>{0, 8}));
  EXPECT_EQ(parts(8, 2, 2, {}), (std::vector<Index>{0, 2, 4, 6, 8}));
  EXPECT_EQ(parts(40, 8, 1, {}), (std::vector<Index>{0, 5, 10, 15, 20, 25, 30, 35, 40}));
}

TEST(Stages, HoldLayersWithinOneOfEachOtherWhereTheyDoNotDivide) {
  EXPECT_EQ(parts(7, 4, 1, {}), (std::vector<Index>{0, 1, 3, 5, 7}));
}

TEST(Stages, HoldTheLayersThatAreGiven) {
  EXPECT_EQ(parts(8, 2, 2, {1, 3, 3, 1}), (std::vector<Index>{0, 1, 4, 7, 8}));
  EXPECT_THROW(chunks_of_stage(8, 0, 2, 1, {4, 3}), Error);
  EXPECT_THROW(chunks_of_stage(8, 0, 2, 1, {8}), Error);
}
