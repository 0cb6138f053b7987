#include <gtest/gtest.h>

#include "parallel/comm/mpi_communicator.hpp"
#include "tests/parallel/data/toy_checks.hpp"

namespace accord::parallel {
namespace {

// Every mesh of this many ranks; the details are tested over threads.
TEST(ShardedOptimizerOverMpi, GivesTheBitsOfOneRankWhenSumsAreExact) {
  auto const world = MpiCommunicator::world();
  ToyRun const run;
  ToyResult const want = run_toy_alone(run);
  for (int pipeline = 1; pipeline <= world->size(); pipeline *= 2)
    for (int tensor = 1; pipeline * tensor <= world->size(); tensor *= 2) {
      ToyLayout const layout{.mesh = make_mesh(world->size(), pipeline, tensor),
                             .sequence_parallel = tensor > 1,
                             .overlap = true};
      ToyResult const got = run_toy(*world, layout, run);
      if (world->rank() == 0) expect_same(got, want);
    }
}

}  // namespace
}  // namespace accord::parallel
