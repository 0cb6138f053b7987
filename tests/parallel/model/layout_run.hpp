#pragma once
// Training steps of a tiny model on any arrangement of ranks, and their comparison with one rank
// (docs/model.md 9.1): weights that make every gradient count, drop-path, captions of unequal
// length, float64, and a first learning rate that moves.

#include <map>
#include <string>
#include <vector>

#include "core/model/config.hpp"
#include "core/model/micro_step.hpp"
#include "parallel/data/gather_logical.hpp"
#include "parallel/data/sharded_optimizer.hpp"
#include "parallel/pipeline/schedule.hpp"

namespace accord::parallel {

/// How the ranks are arranged and work: what must not change results.
struct Layout {
  MeshShape mesh = {};
  bool sequence = false;
  Zero zero = Zero::sharded;
  int micro_batches = 1;  ///< of each data-parallel rank
  ScheduleKind schedule = ScheduleKind::one_forward_one_backward;
  int chunks = 1;                       ///< of each pipeline stage
  std::vector<Index> part_layers = {};  ///< empty: even
  Recompute recompute = Recompute::none;
};

/// How far results may be from those of one rank in float64, relative to what they are of.
struct Tolerance {
  double term = 1e-11, gradient = 1e-11, parameter = 1e-10;
  double gradient_floor = 1e-14;  ///< of the norm of all gradients
};

/// What is computed, whatever the layout.
struct LayoutRun {
  ModelConfig model;
  DType dtype = DType::float64;
  Backend backend = Backend::cpu;  ///< on cuda over make_device_group()
  Index global_batch = 16;
  int steps = 3;
  ContrastGradient gradient = ContrastGradient::exact;
};

struct LayoutResult {
  struct Step {
    std::vector<double> terms, correct, scalars;  ///< of the global batch
    double grad_norm = 0;
    std::map<std::string, LogicalTensor> gradients;
  };
  std::vector<Step> steps;
  std::map<std::string, LogicalTensor> parameters;  ///< after the last step
};

/// "dp2 pp1 tp4s zero1 m2": names a layout in messages.
std::string to_string(Layout const& layout);

/// Collective over a world of the mesh's size; the result is on world rank 0 alone.
LayoutResult run_layout(GroupCommunicator& world, Layout const& layout, LayoutRun const& run);
/// The same with threads as ranks.
LayoutResult run_layout(Layout const& layout, LayoutRun const& run);

/// The largest errors of a comparison, relative to what they are an error of.
struct LayoutErrors {
  double term = 0, norm = 0, gradient = 0, parameter = 0;
  std::string gradient_name, parameter_name;
  void include(LayoutErrors const& other);
};
std::string to_string(LayoutErrors const& errors);

/// Expects every loss term, the gradient norm, every gradient tensor and, after the last step,
/// every parameter to be those of `want`; by default within the default tolerance.
LayoutErrors expect_equal(LayoutResult const& got, LayoutResult const& want,
                          Tolerance const& tolerance = {});

}  // namespace accord::parallel
