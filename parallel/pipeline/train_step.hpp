#pragma once

#include <map>
#include <optional>

#include "core/model/batch_contrast.hpp"
#include "parallel/mesh/mesh_groups.hpp"
#include "parallel/pipeline/schedule.hpp"
#include "parallel/pipeline/stage_links.hpp"

namespace accord::parallel {

/// Forward and backward of one step over a replica's micro-batches (docs/model.md 9.2), carried out
/// by its pipeline stages; one stage is the pipeline that has no messages. With one micro-batch:
/// one forward, the contrast over the global batch, one backward. With several the data are gone
/// over twice: embeddings of all first, then the contrast, then each micro-batch again by the
/// schedule, with its embeddings' gradients injected; counter-based draws make the second forward
/// equal the first. Gradients are added to the model's store; they are this replica's share,
/// already divided by global counts, and must be summed over the data-parallel group.
class TrainStep {
 public:
  /// All outlive the step. The model holds the chunks of this rank's stage.
  TrainStep(Queue& queue, Model& model, MeshGroups& groups, StepOptions const& options,
            ScheduleKind schedule = ScheduleKind::one_forward_one_backward);

  /// Collective over the world; every replica brings the same number of samples, and every rank of
  /// a replica the same micro-batches (their inputs on the first stage only).
  /// \param ready  called with flat parameter indices from which on all gradients are final
  /// \returns this replica's share of the figures: summed over data-parallel ranks they are those
  /// of the global batch
  StepFigures run(std::vector<MicroBatch> const& micro_batches, Stack::Ready const& ready = {});

 private:
  /// One step under way.
  class Run;

  Queue& queue_;
  Model& model_;
  MeshGroups& groups_;
  StepOptions options_;
  ScheduleKind schedule_;
};

/// Collective over the data-parallel group: makes the shares of all replicas the figures of the
/// global batch.
void add_over_replicas(Queue& queue, MeshGroups& groups, StepFigures& figures);

}  // namespace accord::parallel
