#include "tests/app/train/tiny_training.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "io/dataset/synth.hpp"
#include "parallel/comm/thread_communicator.hpp"

namespace accord::app::testing {
namespace {

double norm_of(Tensors const& tensors) {
  double squares = 0;
  for (auto const& [name, tensor] : tensors)
    for (double const x : tensor.values) squares += x * x;
  return std::sqrt(squares);
}

void expect_tensors_near(Tensors const& got, Tensors const& want, double tolerance,
                         std::string const& what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double const floor = 1e-14 * norm_of(want);
  for (auto const& [name, tensor] : want) {
    auto const& other = got.at(name).values;
    ASSERT_EQ(other.size(), tensor.values.size()) << what << " " << name;
    double difference = 0, size = 0;
    for (std::size_t i = 0; i < other.size(); ++i) {
      difference += (other[i] - tensor.values[i]) * (other[i] - tensor.values[i]);
      size += tensor.values[i] * tensor.values[i];
    }
    EXPECT_LE(std::sqrt(difference), std::max(tolerance * std::sqrt(size), floor))
        << what << " " << name;
  }
}

void expect_steps_near(std::vector<StepReport> const& got, std::vector<StepReport> const& want,
                       double tolerance) {
  ASSERT_EQ(got.size(), want.size());
  auto const near = [&](double a, double b, std::string const& what) {
    EXPECT_LE(std::abs(a - b), tolerance * std::max(std::abs(b), 1e-3))
        << what << " " << a << " " << b;
  };
  for (std::size_t s = 0; s < want.size(); ++s) {
    std::string const at = "step " + std::to_string(want[s].step) + ", ";
    EXPECT_EQ(got[s].step, want[s].step);
    near(got[s].loss, want[s].loss, at + "loss");
    near(got[s].grad_norm, want[s].grad_norm, at + "grad_norm");
    ASSERT_EQ(got[s].scalars.size(), want[s].scalars.size());
    for (std::size_t i = 0; i < want[s].scalars.size(); ++i)
      near(got[s].scalars[i], want[s].scalars[i], at + "scalar " + std::to_string(i));
    EXPECT_EQ(got[s].learning_rate, want[s].learning_rate);
    for (std::size_t o = 0; o < want[s].terms.size(); ++o)
      near(got[s].terms[o], want[s].terms[o], at + "term " + std::to_string(o));
    EXPECT_EQ(got[s].accuracy, want[s].accuracy) << at;
  }
}

}  // namespace

std::filesystem::path tiny_dataset(std::filesystem::path const& folder) {
  io::SynthOptions options;
  options.out = folder;
  options.train = 80;
  options.held_out = 12;
  options.audio = false;
  io::build_synth(options, [](Index, Index) {});
  return folder / "train";
}

Config tiny_config(std::filesystem::path const& dataset,
                   std::vector<std::string> const& overrides) {
  std::vector<std::string> all = {
      "train.global_batch=16",
      "train.steps=6",
      "train.dtype=float64",
      "parallel.check_collectives=true",
      "data.train='" + dataset.string() + "'",
      "checkpoint.directory='" + (dataset.parent_path() / "checkpoints").string() + "'"};
  all.insert(all.end(), overrides.begin(), overrides.end());
  return load_config(
      std::filesystem::path(std::getenv("ACCORD_SOURCE_DIR")) / "jobs/configs/tiny-vl.toml", all);
}

RunResult run_steps(parallel::GroupCommunicator& world, Training& training, int steps) {
  RunResult result;
  auto const gather = [&](parallel::TensorKind kind) {
    return parallel::gather_logical(training.queue(), world, training.model().parameters(),
                                    training.optimizer().pieces(kind, parallel::Copies::primary));
  };
  for (int i = 0; i < steps; ++i) {
    result.steps.push_back(training.step());
    result.gradients.push_back(gather(parallel::TensorKind::gradient));
  }
  result.weights = gather(parallel::TensorKind::weight);
  return result;
}

RunResult run_from_start(parallel::GroupCommunicator& world, Config const& config, int steps) {
  Queue queue(Backend::cpu);
  Training training(queue, world, config, io::Tokenizer::load(config.data.tokenizer));
  training.open_data();
  return run_steps(world, training, steps);
}

RunResult run_alone(Config const& config, int steps) {
  RunResult result;
  parallel::ThreadGroup(1).run(
      [&](parallel::GroupCommunicator& world) { result = run_from_start(world, config, steps); });
  return result;
}

void expect_equal_to_rounding(RunResult const& got, RunResult const& want) {
  expect_steps_near(got.steps, want.steps, 1e-11);
  for (std::size_t s = 0; s < want.gradients.size(); ++s)
    expect_tensors_near(got.gradients[s], want.gradients[s], 1e-11,
                        "step " + std::to_string(s + 1) + ", gradient");
  expect_tensors_near(got.weights, want.weights, 1e-10, "weights");
}

void expect_bitwise_equal(RunResult const& got, RunResult const& want) {
  expect_steps_near(got.steps, want.steps, 0);
  ASSERT_EQ(got.weights.size(), want.weights.size());
  for (auto const& [name, tensor] : want.weights)
    EXPECT_EQ(got.weights.at(name).values, tensor.values) << name;
}

}  // namespace accord::app::testing
