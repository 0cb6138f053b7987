// A few compositions over MPI, whose messages do not wait in mailboxes as those of threads do.
#include <gtest/gtest.h>

#include "parallel/comm/mpi_communicator.hpp"
#include "tests/parallel/model/layout_cells.hpp"

using namespace accord;
using namespace accord::parallel;

TEST(LayoutsOverMpi, EqualOneRank) {
  auto const world = MpiCommunicator::world();
  std::vector<Layout> const layouts{
      {.mesh = {.pipeline = 2},
       .micro_batches = 4,
       .schedule = ScheduleKind::interleaved,
       .chunks = 2},
      {.mesh = {.tensor = 2}, .sequence = true, .micro_batches = 2},
      {.mesh = {.pipeline = 4}, .micro_batches = 4, .part_layers = {1, 1, 2, 0}},
      {.mesh = {.data = 2, .pipeline = 2}, .micro_batches = 4, .schedule = ScheduleKind::gpipe},
      {.mesh = {.pipeline = 2, .tensor = 2}, .sequence = true, .zero = Zero::replicated},
      {.mesh = {.data = 2, .pipeline = 2, .tensor = 2}, .sequence = true, .micro_batches = 2},
  };
  for (Layout const& layout : layouts) {
    LayoutCell const cell{layout};
    if (layout.mesh.data * layout.mesh.pipeline * layout.mesh.tensor != world->size()) continue;
    LayoutResult const got = run_layout(*world, layout, matrix_run(cell));
    if (world->rank() == 0) {
      SCOPED_TRACE(to_string(layout));
      expect_equal(got, one_rank(cell));
    }
  }
}
