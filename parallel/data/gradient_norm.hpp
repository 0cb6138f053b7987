#pragma once

#include <vector>

#include "parallel/data/ownership.hpp"

namespace accord::parallel {

/// The L2 norm of the whole gradient, from what each rank owns of it: every element counts once,
/// however many tensor- or pipeline-parallel ranks hold a copy.
class GradientNorm {
 public:
  /// All arguments outlive it.
  GradientNorm(ParameterStore& store, MeshGroups& groups, Ownership const& ownership);

  /// Collective over the world, once the owned gradients hold the sums (GradientReducer::finish()).
  /// The same bits on all ranks, NaN or infinite if any element is.
  double operator()(Queue& queue);

 private:
  ParameterStore& store_;
  MeshGroups& groups_;
  std::vector<FlatRange> counted_;  ///< what this rank adds
};

}  // namespace accord::parallel
