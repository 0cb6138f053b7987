#pragma once
// A model without mathematics: parameters of every kind of distribution, and gradients that are a
// pure function of (step, sample, row, layer, name, element), summed by each rank over its share.

#include <cmath>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "parallel/data/gather_logical.hpp"
#include "parallel/data/parameter_step.hpp"

namespace accord::parallel {

struct ToyLayout {
  MeshShape mesh;
  bool sequence_parallel = false;
  Zero zero = Zero::sharded;
  std::size_t bucket_bytes = 300;  ///< a few dozen elements: many buckets, none of a round size
  bool overlap = false;            ///< tells the reducer as "backward" proceeds
};

struct ToyRun {
  DType dtype = DType::float64;
  int steps = 3;
  /// Multiples of 1/1024 when 1: every sum is exact, so any layout must give the same bits.
  double gradient_unit = 1;
  AdamwOptions options{};
  std::function<double(int step, std::string const& name)> disturbance =
      {};  ///< added to element 0
};

struct ToyResult {
  /// After the last step, on world rank 0 alone.
  std::map<TensorKind, std::map<std::string, LogicalTensor>> tensors;
  std::vector<StepResult> steps;
  /// Every weight that this rank holds, whoever is its owner.
  struct Copy {
    std::string name;
    Index logical_begin;
    std::vector<double> values;
  };
  std::vector<Copy> copies;
};

void add_toy_parameters(ParameterStore& store, int stage, int stages);
/// The sum over all samples, rows and layers: what the whole world's gradient must be.
double toy_gradient(ToyRun const& run, int step, ParameterSpec const& spec, Index element);
/// Collective over a world of the mesh's size.
ToyResult run_toy(GroupCommunicator& world, ToyLayout const& layout, ToyRun const& run);

}  // namespace accord::parallel
