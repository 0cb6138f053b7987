// Every composition of the parallel axes, on threads.
#include <gtest/gtest.h>

#include "tests/parallel/model/layout_cells.hpp"

using namespace accord::parallel;

TEST(ExhaustiveLayouts, EqualOneRank) {
  for (LayoutCell const& cell : all_cells()) {
    SCOPED_TRACE(to_string(cell));
    expect_equals_one_rank(cell);
  }
}
