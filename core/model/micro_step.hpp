#pragma once

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
};

/// One micro-batch on its way through the model: forward, losses, backward, in the order of the
/// members. The contrast is not its business: embeddings come out, their gradients go in
/// (train_step.hpp).
class MicroStep {
 public:
  enum class Passes : std::uint8_t {
    all,
    contrasted,  ///< only what the contrast needs, without gradient: the first of two passes over
                 ///< the data (I2)
  };

  MicroStep(Queue& queue, Model const& model, StepOptions const& options, MicroBatch const& batch,
            Passes passes);

  void forward();
  /// z [b, d] of a contrasted modality; empty if no objective contrasts it.
  ConstView embeddings(Modality m) const { return contrast_[static_cast<std::size_t>(m)].z; }

  /// Decoder and denoising terms. losses [objectives] += each term's share, unweighted.
  void denoise(View losses);
  /// Everything back to the parameters.   dz: [Modality] gradient of the embeddings, empty where
  /// there is none
  void backward(std::vector<ConstView> const& dz, Stack::Ready const& ready);

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
  Encoder::Half const& half_of(int pass) const;
  Denoise plan_denoise(std::size_t objective) const;

  Queue& queue_;
  Model const& model_;
  StepOptions const& options_;
  MicroBatch const& batch_;
  Encoder::State encoder_;
  Decoder::State decoder_;
  std::vector<Projection::Saved> contrast_;  ///< [Modality]
  std::vector<int> contrast_pass_;           ///< [Modality], -1: none
  std::vector<Denoise> denoise_;
  Tensor dfeatures_;
};

}  // namespace accord
