#pragma once

#include "core/model/model.hpp"

namespace accord {

/// One pass over all samples of a micro-batch, in evaluation mode (no drop-path, nothing kept for a
/// backward), on its way through one chunk of the model: forward(), then what is wanted of the last
/// chunk. What travels between chunks is the caller's business (parallel/pipeline/evaluation.hpp).
class EvaluationStep {
 public:
  /// All but `pass` must outlive the step.
  EvaluationStep(Queue& queue, Model const& model, MicroBatch const& batch, Pass const& pass,
                 int chunk);

  /// What the chunk before sends: [rows, d].
  Shape input_shape() const;
  /// Consumes the input (none on the first chunk) and returns that of the chunk behind (none on the
  /// last).
  Tensor forward(Tensor input);

  // The last chunk.
  /// The normalised embeddings of one modality of the pass: z [b, d].
  Tensor embeddings(Modality modality) const;
  /// The logits of the labelled objective, whose students the pass holds: [b, classes].
  Tensor logits() const;

 private:
  Queue& queue_;
  Model const& model_;
  MicroBatch const& batch_;
  LayerChunk const& chunk_;
  Encoder::State encoder_;
};

}  // namespace accord
