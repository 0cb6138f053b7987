#pragma once

#include "core/model/model.hpp"

namespace accord {

/// The figures of a step, summed over its micro-batches.
struct StepFigures {
  std::vector<double> terms;    ///< [objective] unweighted loss terms
  std::vector<double> correct;  ///< samples right, as count_names() lists what
  std::vector<double> scalars;  ///< learnt scalars as used, as scalar_names() lists them
};

/// L = sum of weight x term, from terms summed over all ranks.
double total_loss(ModelConfig const& config, std::vector<double> const& terms);

/// One micro-batch on its way through one chunk of the model: forward, losses, backward, in the
/// order of the members. What travels between chunks is the caller's business
/// (parallel/pipeline/train_step.hpp), and so is the contrast (batch_contrast.hpp): embeddings come
/// out, their gradients go in.
class MicroStep {
 public:
  enum class Passes : std::uint8_t {
    all,
    contrasted,  ///< only what the contrast needs, without gradient: the first of two passes over
                 ///< the data (docs/model.md 9.2)
  };

  MicroStep(Queue& queue, Model const& model, StepOptions const& options, MicroBatch const& batch,
            Passes passes, int chunk = 0);

  /// What the chunk before sends: the rows of all passes, [rows, d].
  Shape input_shape() const;
  /// What the chunk behind sends back: the gradient of the rows that take one, [rows, d].
  Shape output_gradient_shape() const;

  /// Consumes the input (none on the first chunk) and returns that of the chunk behind (none on the
  /// last).
  Tensor forward(Tensor input = {});

  // The last chunk: losses, and their gradient behind the last layer.
  /// z [b, d] of a contrasted modality; empty if no objective contrasts it.
  ConstView embeddings(Modality m) const { return contrast_[m.index()].z; }
  /// The terms of this micro-batch alone, added to `sums`.
  /// dz: [Modality] gradient of the embeddings, empty where there is none
  /// \returns the gradient behind the last layer of all terms
  Tensor losses(StepSums const& sums, std::vector<ConstView> const& dz);

  /// Consumes the gradient of the chunk's output, adds to those of its parameters, and returns that
  /// of its input (none on the first).
  Tensor backward(Tensor doutput, Stack::Ready const& ready);

  Encoder::State const& encoder_state() const { return encoder_; }

 private:
  LossInput loss_input() const { return {batch_, encoder_, options_}; }

  Queue& queue_;
  Model const& model_;
  StepOptions const& options_;
  MicroBatch const& batch_;
  LayerChunk const& chunk_;
  Encoder::State encoder_;
  std::vector<Projection::Saved> contrast_;                              ///< [Modality]
  std::vector<int> contrast_pass_;                                       ///< [Modality], -1: none
  std::vector<std::unique_ptr<MicroBatchObjective::Saved>> objectives_;  ///< [kind]
};

}  // namespace accord
