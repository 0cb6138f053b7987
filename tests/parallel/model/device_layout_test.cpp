// Layouts on devices, one each, over NCCL: ranks are threads.
#include <gtest/gtest.h>

#include "core/base/device.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/parallel/model/layout_run.hpp"
#include "tests/support/tiny_model.hpp"

using namespace accord;
using namespace accord::parallel;

class CudaLayouts : public ::testing::TestWithParam<Layout> {};

TEST_P(CudaLayouts, InFloat32EqualOneRankOnTheCpu) {
  Layout const& layout = GetParam();
  int const ranks = layout.mesh.data * layout.mesh.pipeline * layout.mesh.tensor;
  if (probe_devices().count < ranks)
    GTEST_SKIP() << "needs " << ranks << " devices; there are " << probe_devices().count << " "
                 << probe_devices().reason;
  LayoutRun run{.model = accord::testing::tiny_model_config(4), .global_batch = 8, .steps = 1};
  LayoutResult const want = run_layout(Layout{}, run);
  run.dtype = DType::float32;
  run.backend = Backend::cuda;
  LayoutResult got;
  ThreadGroup(ranks).run([&](GroupCommunicator& world) {
    cuda::select_device(world.rank());
    LayoutResult mine = run_layout(world, layout, run);
    if (world.rank() == 0) got = std::move(mine);
  });
  // Adam divides a gradient by its size: where it is all rounding, a parameter moves either way.
  expect_equal(got, want,
               {.term = 1e-5, .gradient = 1e-4, .parameter = 1e-2, .gradient_floor = 1e-6});
}

INSTANTIATE_TEST_SUITE_P(
    Meshes, CudaLayouts,
    ::testing::Values(
        Layout{.mesh = {.tensor = 2}, .sequence = true, .micro_batches = 2},
        Layout{.mesh = {.pipeline = 2},
               .micro_batches = 4,
               .schedule = ScheduleKind::interleaved,
               .chunks = 2},
        Layout{.mesh = {.data = 2, .pipeline = 2}, .zero = Zero::replicated, .micro_batches = 2},
        Layout{.mesh = {.data = 2, .tensor = 2}, .recompute = Recompute::layer}),
    [](auto const& info) {
      std::string name = to_string(info.param);
      for (char& c : name)
        if (!std::isalnum(static_cast<unsigned char>(c))) c = '_';
      return name;
    });
