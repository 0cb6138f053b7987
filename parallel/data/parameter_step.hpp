#pragma once

#include <functional>

#include "parallel/data/sharded_optimizer.hpp"

namespace accord::parallel {

struct ParameterStepOptions {
  AdamwOptions optimizer = {};
  Zero zero = Zero::sharded;
  /// Distribution::partial gradients are sums over this rank's rows only.
  bool sequence_parallel = false;
  std::size_t bucket_bytes = Ownership::default_bucket_bytes;
};

/// An optimizer step as parameters see it, whatever computes their gradients: who owns which part,
/// the sums over ranks, the update. Per step, on every rank alike: gradients(), then update().
class ParameterStep {
 public:
  /// Called with flat indices from which on all gradients of this rank are final, any number of
  /// times.
  using Ready = std::function<void(Index flat_begin)>;

  /// Collective over the pipeline group. Queue, store (allocated, its values those to start from)
  /// and groups outlive this.
  ParameterStep(Queue& queue, ParameterStore& store, MeshGroups& groups,
                ParameterStepOptions options);

  /// Collective over the world. Zeroes the gradients, has `compute` add this rank's share of them
  /// and sums over ranks: this rank's owned ranges then hold the sums, until the next call.
  void gradients(std::function<void(Ready const&)> const& compute);
  /// Collective over the world, after gradients(). Where the norm is not finite nothing is changed.
  StepResult update(double learning_rate);

  ShardedOptimizer& optimizer() { return optimizer_; }

 private:
  Queue& queue_;
  ParameterStore& store_;
  Ownership ownership_;
  GradientReducer reducer_;
  ShardedOptimizer optimizer_;
};

}  // namespace accord::parallel
