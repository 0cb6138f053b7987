#pragma once
// The tiny-vl configuration on a small synthetic set: the smallest run of the whole program's
// parts.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "app/train/training.hpp"
#include "parallel/data/gather_logical.hpp"

namespace accord::app::testing {

/// Makes the set (once) and returns the folder of its training samples. One rank calls it.
std::filesystem::path tiny_dataset(std::filesystem::path const& folder);

/// tiny-vl.toml with 16 samples a step in float64, and what `overrides` say.
Config tiny_config(std::filesystem::path const& dataset, std::vector<std::string> const& overrides);

using Tensors = std::map<std::string, parallel::LogicalTensor>;

/// What a run computed; tensors on world rank 0 alone.
struct RunResult {
  std::vector<StepReport> steps;
  std::vector<Tensors> gradients;  ///< of each step
  Tensors weights;                 ///< after the last
};

/// Collective. Trains on from where `training` stands.
RunResult run_steps(parallel::GroupCommunicator& world, Training& training, int steps);
/// The same from the start.
RunResult run_from_start(parallel::GroupCommunicator& world, Config const& config, int steps);
/// On one rank, without MPI.
RunResult run_alone(Config const& config, int steps);

/// docs/model.md 9.1: loss, terms, norm and every gradient to 1e-11 (relative L2, floor 1e-14 of
/// the whole), weights to 1e-10.
void expect_equal_to_rounding(RunResult const& got, RunResult const& want);
void expect_bitwise_equal(RunResult const& got, RunResult const& want);

}  // namespace accord::app::testing
