#include "tests/parallel/model/layout_run.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "core/optim/schedule.hpp"
#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/device_group.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "parallel/pipeline/stages.hpp"
#include "parallel/train/trainer.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord::parallel {
namespace {

// What a rank has of a step's batch: all that plans follow from, the inputs on the first stage
// alone.
std::vector<MicroBatch> batches_of(LayoutRun const& run, int step, MeshGroups const& groups,
                                   int micro_batches) {
  Index const share = run.global_batch / groups.data->size(), micro = share / micro_batches;
  std::vector<MicroBatch> batches;
  for (int i = 0; i < micro_batches; ++i) {
    Index const position = step * run.global_batch + groups.data->rank() * share + i * micro;
    batches.push_back(testing::tiny_batch(run.model, static_cast<std::uint64_t>(position), micro));
    if (groups.pipeline->rank() > 0)
      for (ModalityInput& input : batches.back().inputs) input.data = {};
  }
  return batches;
}

double norm_of(std::vector<double> const& values) {
  double squares = 0;
  for (double v : values) squares += v * v;
  return std::sqrt(squares);
}

double distance(std::vector<double> const& a, std::vector<double> const& b) {
  double squares = 0;
  for (std::size_t i = 0; i < a.size(); ++i) squares += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(squares);
}

// Compares tensor by tensor; errors below `floor` count as none. Returns the worst and its name.
std::pair<double, std::string> compare(std::map<std::string, LogicalTensor> const& got,
                                       std::map<std::string, LogicalTensor> const& want,
                                       double tolerance, double floor, std::string const& what) {
  std::pair<double, std::string> worst;
  EXPECT_EQ(got.size(), want.size()) << what;
  for (auto const& [name, tensor] : want) {
    auto const found = got.find(name);
    if (found == got.end() || found->second.shape != tensor.shape) {
      ADD_FAILURE() << what << ": no " << name << " of the same shape";
      continue;
    }
    double const error = distance(found->second.values, tensor.values);
    double const norm = norm_of(tensor.values);
    EXPECT_LE(error, std::max(tolerance * norm, floor))
        << what << " " << name << ", relative " << error / norm;
    if (error > floor && error / norm > worst.first) worst = {error / norm, name};
  }
  return worst;
}

}  // namespace

std::string to_string(Layout const& layout) {
  static constexpr char const* schedules[] = {"gpipe", "1f1b", "interleaved"};
  std::string text = fmt::format(
      "dp{} pp{} tp{}{} zero{} m{} {}", layout.mesh.data, layout.mesh.pipeline, layout.mesh.tensor,
      layout.sequence ? "s" : "", layout.zero == Zero::sharded ? 1 : 0, layout.micro_batches,
      schedules[static_cast<int>(layout.schedule)]);
  if (layout.chunks > 1) text += fmt::format(" chunks{}", layout.chunks);
  for (std::size_t i = 0; i < layout.part_layers.size(); ++i)
    text += (i ? "_" : " layers") + std::to_string(layout.part_layers[i]);
  if (layout.recompute != Recompute::none) text += " recompute";
  return text;
}

LayoutResult run_layout(GroupCommunicator& ranks, Layout const& layout, LayoutRun const& run) {
  Queue queue(run.backend);
  CheckedCommunicator world(ranks.split(0, ranks.rank()), "world");
  std::unique_ptr<GroupCommunicator> const devices = make_device_group(queue, world);
  MeshGroups groups =
      make_groups(devices ? *devices : world, layout.mesh, {.check_collectives = true});
  Model model(queue, run.model, run.dtype, *groups.tensor,
              chunks_of_stage(run.model.encoder.layers, groups.pipeline->rank(),
                              groups.pipeline->size(), layout.chunks, layout.part_layers),
              layout.sequence);
  model.initialise(queue, InitMode::dense, 5);
  Trainer trainer(queue, model, groups,
                  {.step = {.global_batch = run.global_batch,
                            .seed = 9,
                            .recompute = layout.recompute,
                            .contrast_gradient = run.gradient,
                            .compare_passes = run.dtype == DType::float64},
                   .schedule = layout.schedule,
                   // With the usual epsilon of 1e-8 an element whose gradient is small beside the
                   // others' rounding moves by that rounding times the learning rate over epsilon,
                   // and later gradients show it. Small buckets: many, and of no round size.
                   .parameters = {.optimizer = {.epsilon = 1e-6, .clip_norm = 0.5},
                                  .zero = layout.zero,
                                  .sequence_parallel = layout.sequence,
                                  .bucket_bytes = 4000}});
  Schedule const schedule{.learning_rate = 1e-3, .min_learning_rate = 1e-5, .steps = 10};
  auto const gather = [&](TensorKind kind) {
    return gather_logical(queue, world, model.parameters(),
                          trainer.optimizer().pieces(kind, Copies::primary));
  };
  LayoutResult result;
  for (int i = 0; i < run.steps; ++i) {
    auto const [figures, update] = trainer.step(batches_of(run, i, groups, layout.micro_batches),
                                                learning_rate_at(schedule, i));
    result.steps.push_back({figures.terms, figures.correct, figures.scalars, update.grad_norm,
                            gather(TensorKind::gradient)});
  }
  result.parameters = gather(TensorKind::weight);
  return result;
}

LayoutResult run_layout(Layout const& layout, LayoutRun const& run) {
  LayoutResult result;
  MeshShape const& mesh = layout.mesh;
  ThreadGroup(mesh.data * mesh.pipeline * mesh.tensor).run([&](GroupCommunicator& world) {
    LayoutResult mine = run_layout(world, layout, run);
    if (world.rank() == 0) result = std::move(mine);
  });
  return result;
}

void LayoutErrors::include(LayoutErrors const& other) {
  term = std::max(term, other.term);
  norm = std::max(norm, other.norm);
  if (other.gradient > gradient) {
    gradient = other.gradient;
    gradient_name = other.gradient_name;
  }
  if (other.parameter > parameter) {
    parameter = other.parameter;
    parameter_name = other.parameter_name;
  }
}

std::string to_string(LayoutErrors const& errors) {
  return fmt::format(
      "terms {:.1e}, grad_norm {:.1e}, gradients {:.1e} ({}), parameters {:.1e} ({})", errors.term,
      errors.norm, errors.gradient, errors.gradient_name, errors.parameter, errors.parameter_name);
}

LayoutErrors expect_equal(LayoutResult const& got, LayoutResult const& want,
                          Tolerance const& tolerance) {
  LayoutErrors errors;
  EXPECT_EQ(got.steps.size(), want.steps.size());
  for (std::size_t i = 0; i < std::min(got.steps.size(), want.steps.size()); ++i) {
    LayoutResult::Step const &g = got.steps[i], &w = want.steps[i];
    std::string const at = fmt::format("step {}", i + 1);
    auto const relative = [&](double value, double expected, std::string const& what) {
      double const error = value == expected ? 0 : std::abs(value - expected) / std::abs(expected);
      EXPECT_LE(error, tolerance.term)
          << at << " " << what << ": " << value << ", not " << expected;
      return error;
    };
    EXPECT_EQ(g.terms.size(), w.terms.size());
    for (std::size_t o = 0; o < std::min(g.terms.size(), w.terms.size()); ++o)
      errors.term =
          std::max(errors.term, relative(g.terms[o], w.terms[o], fmt::format("term {}", o)));
    EXPECT_EQ(g.correct, w.correct) << at;
    EXPECT_EQ(g.scalars.size(), w.scalars.size());
    for (std::size_t i = 0; i < std::min(g.scalars.size(), w.scalars.size()); ++i)
      errors.term =
          std::max(errors.term, relative(g.scalars[i], w.scalars[i], fmt::format("scalar {}", i)));
    errors.norm = std::max(errors.norm, relative(g.grad_norm, w.grad_norm, "grad_norm"));
    auto const [worst, name] = compare(g.gradients, w.gradients, tolerance.gradient,
                                       tolerance.gradient_floor * w.grad_norm, at + " gradient of");
    if (worst > errors.gradient) {
      errors.gradient = worst;
      errors.gradient_name = name;
    }
  }
  std::tie(errors.parameter, errors.parameter_name) =
      compare(got.parameters, want.parameters, tolerance.parameter, 0, "parameter");
  return errors;
}

}  // namespace accord::parallel
