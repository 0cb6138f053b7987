#pragma once

#include "core/comm/communicator.hpp"
#include "core/model/micro_step.hpp"

namespace accord {

/// This rank's share of a step's figures: summed over data-parallel ranks they are those of the
/// global batch.
struct StepFigures {
  std::vector<double> terms;  ///< [objective] unweighted loss terms
  std::vector<double>
      correct;  ///< [objective * 2] contrast: rows whose best match is theirs, both directions
  double logit_scale = 0;  ///< exp(tau) as used; the same on all ranks
};

/// Forward and backward of one step over this rank's micro-batches (design.md, I2). With one
/// micro-batch: one forward, the contrast over the global batch, one backward. With several the
/// data are gone over twice: embeddings of all first, the contrast, then each micro-batch again
/// with its embeddings' gradients injected; counter-based draws make the second forward equal the
/// first. Gradients are added to the model's store; they are this rank's share, already divided by
/// global counts, and must be summed over the data-parallel group.
class TrainStep {
 public:
  /// \param data_group  the data-parallel group, ranks in the order of the global batch; must
  /// outlive the step
  TrainStep(Queue& queue, Model& model, Communicator& data_group, StepOptions const& options);

  /// Collective over the data-parallel group; every rank brings the same number of samples.
  StepFigures run(std::vector<MicroBatch> const& micro_batches, Stack::Ready const& ready = {});

 private:
  struct Contrast {
    std::vector<Tensor> z,
        dz;  ///< [Modality] [b, d] of all micro-batches, empty where not contrasted
    double scale = 0;
  };
  Contrast gather(std::vector<MicroBatch> const& micro_batches, MicroStep* single);
  void contrast(Contrast& all, View terms, View correct);

  Queue& queue_;
  Model& model_;
  Communicator& data_group_;
  StepOptions options_;
};

/// L = sum of weight x term, from terms summed over all ranks.
double total_loss(ModelConfig const& config, std::vector<double> const& terms);

}  // namespace accord
