#pragma once
// The one home of an optimizer step: training, benchmark, verification and the tests of layouts all
// step through here.

#include <vector>

#include "parallel/data/parameter_step.hpp"
#include "parallel/pipeline/train_step.hpp"

namespace accord::parallel {

struct TrainerOptions {
  StepOptions step = {};
  ScheduleKind schedule = ScheduleKind::one_forward_one_backward;
  ParameterStepOptions parameters = {};
};

/// What a step says of itself, the same on all ranks.
struct TrainerStep {
  StepFigures figures;  ///< of the global batch
  StepResult update;    ///< not finite: nothing was changed
};

/// Trains a model: holds what its gradients and its parameters need beside it on this rank (ranges
/// owned, sums over ranks, optimizer state), and makes optimizer steps of micro-batches.
class Trainer {
 public:
  /// Collective over the pipeline group. Queue, model and groups outlive this. The model holds the
  /// chunks of this rank's stage, and the weights to start from.
  Trainer(Queue& queue, Model& model, MeshGroups& groups, TrainerOptions options);

  // Collective over the world; every replica brings the same number of samples, and every rank of a
  // replica the same micro-batches (their inputs on the first stage only).

  /// An optimizer step: gradients(), figures added over the replicas, update. The gradients stay in
  /// the model's store, not clipped (pieces() of optimizer()).
  TrainerStep step(std::vector<MicroBatch> const& micro_batches, double learning_rate);
  /// What comes before the update: the gradients of the global batch, summed over all ranks, in
  /// this rank's owned ranges of the model's store. \returns this replica's share of the figures
  StepFigures gradients(std::vector<MicroBatch> const& micro_batches);

  /// Steps made, moments and masters: what a checkpoint holds, and loads.
  ShardedOptimizer& optimizer() { return parameters_.optimizer(); }

 private:
  Queue& queue_;
  MeshGroups& groups_;
  TrainStep step_;
  ParameterStep parameters_;
};

}  // namespace accord::parallel
