#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/tensor/tensor.hpp"
#include "parallel/data/ownership.hpp"

namespace accord::parallel {

/// Sums the gradients of a step over all ranks that hold a share of them: over data-parallel ranks
/// by buckets while backward still runs; over the pipeline where stages share a parameter; over
/// tensor-parallel ranks where sequence parallelism left partial sums. Summed, never averaged: each
/// rank's loss is already divided by the global counts (docs/model.md 9.1).
///
/// Per step, on every rank alike:
///   ready(flat_begin) any number of times during the last backward, then finish().
class GradientReducer {
 public:
  /// All arguments outlive the reducer. sequence_parallel: Distribution::partial gradients are
  /// sums over this rank's rows only.
  GradientReducer(ParameterStore& store, MeshGroups& groups, Ownership const& ownership,
                  bool sequence_parallel = false);

  /// The gradients at flat elements >= flat_begin are final: starts what buckets that completes.
  void ready(Queue& queue, Index flat_begin);
  /// All gradients are final. Returns when this rank's owned ranges (Ownership::trained()) of the
  /// store's gradients hold the sums; elsewhere they are undefined.
  void finish(Queue& queue);
  /// After finish(): makes the sums whole on every data-parallel rank (ZeRO 0).
  void all_gather(Queue& queue);

 private:
  struct InFlight {
    Bucket bucket;
    Tensor padded;  ///< where the ranks do not divide the bucket: a copy that they do divide
    std::unique_ptr<Request> request;
  };
  void start(Queue& queue, Bucket const& bucket);
  void complete_oldest(Queue& queue);
  void sum_shared(Queue& queue);
  void sum_partial(Queue& queue);
  bool waits_for_pipeline(Bucket const& bucket) const;

  ParameterStore& store_;
  MeshGroups& groups_;
  Ownership const& ownership_;
  std::vector<FlatRange> partial_;  ///< owned stretches to sum over the tensor group
  std::vector<bool> started_;       ///< per bucket
  std::deque<InFlight> in_flight_;
};

}  // namespace accord::parallel
