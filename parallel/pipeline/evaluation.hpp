#pragma once

#include <functional>
#include <vector>

#include "core/model/evaluation_step.hpp"
#include "parallel/mesh/mesh_groups.hpp"

namespace accord::parallel {

/// What a model says of micro-batches in evaluation mode, carried out by a replica's pipeline
/// stages; one stage is the pipeline that has no messages. As many micro-batches as there are
/// stages, given at once, keep them all busy.
class Evaluation {
 public:
  /// All outlive this. The model holds the chunks of this rank's stage.
  Evaluation(Queue& queue, Model const& model, MeshGroups& groups);

  // Collective over the replica: every rank brings the same micro-batches (their inputs on the
  // first stage only). By micro-batch, on the last stage; nothing on the others.
  /// The normalised embeddings of one modality's items: z [b, d].
  std::vector<Tensor> embed(std::vector<MicroBatch> const& micro_batches, Modality modality);
  /// The logits of the labelled objective: [b, classes].
  std::vector<Tensor> classify(std::vector<MicroBatch> const& micro_batches);

 private:
  std::vector<Tensor> run(std::vector<MicroBatch> const& micro_batches, Pass const& pass,
                          std::function<Tensor(EvaluationStep const&)> const& result_of);

  Queue& queue_;
  Model const& model_;
  MeshGroups& groups_;
};

}  // namespace accord::parallel
