#pragma once

#include "core/base/build.hpp"
#include "core/loss/contrastive.hpp"
#include "core/loss/denoising.hpp"
#include "core/model/model.hpp"

namespace accord {

/// What a training step needs to know beside the model and the data.
struct StepOptions {
  Index global_batch = 0;
  std::uint32_t seed = 0;
  Recompute recompute = Recompute::none;
  bool skip_branches =
      true;  ///< false: compute dropped branches and multiply by 0 (a plain step, for comparison)
  bool pad = false;  ///< pad each pool's sequences to one length (likewise)
  ContrastGradient contrast_gradient = ContrastGradient::exact;
  /// Where the data are gone over twice: compare the embeddings of both passes (float64).
  bool compare_passes = build::debug;
};

/// The figures of a step, summed over its micro-batches.
struct StepFigures {
  std::vector<double> terms;  ///< [objective] unweighted loss terms
  /// [objective * 2] contrast: rows whose best match is theirs, both directions; classify: right
  /// predictions, and nothing
  std::vector<double> correct;
  double logit_scale = 0;  ///< exp(tau) as used; 0 without a contrast
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
                 ///< the data (I2)
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
  ConstView embeddings(Modality m) const { return contrast_[static_cast<std::size_t>(m)].z; }

  /// Decoder and denoising terms. losses [objectives] += each term's share, unweighted.
  void denoise(View losses);
  /// Classification, after denoise(). losses [objectives] += its share, unweighted;
  /// correct [2 * objectives] += right predictions, at the objective's first place.
  void classify(View losses, View correct);
  /// dz: [Modality] gradient of the embeddings, empty where there is none
  Tensor losses_backward(std::vector<ConstView> const& dz);

  /// Consumes the gradient of the chunk's output, adds to those of its parameters, and returns that
  /// of its input (none on the first).
  Tensor backward(Tensor doutput, Stack::Ready const& ready);

  Encoder::State const& encoder_state() const { return encoder_; }
  Decoder::State const& decoder_state() const { return decoder_; }

 private:
  struct Denoise {
    std::size_t objective;
    Decoder::Student student;
    Tensor teacher_rows;
    bool teacher_has_gradient;  ///< which pack the teacher's rows lie in
    DenoisePlan plan;
  };
  struct Classify {
    std::size_t objective;
    ClassifyHead::Saved head;
  };
  Encoder::Half const& half_of(int pass) const;
  Denoise plan_denoise(std::size_t objective) const;

  Queue& queue_;
  Model const& model_;
  StepOptions const& options_;
  MicroBatch const& batch_;
  LayerChunk const& chunk_;
  Encoder::State encoder_;
  Decoder::State decoder_;
  std::vector<Projection::Saved> contrast_;  ///< [Modality]
  std::vector<int> contrast_pass_;           ///< [Modality], -1: none
  std::vector<Denoise> denoise_;
  std::optional<Classify> classify_;
  Tensor dfeatures_;
};

}  // namespace accord
