#pragma once

#include <optional>

#include "core/comm/self_communicator.hpp"
#include "core/model/objective.hpp"
#include "core/model/projection.hpp"
#include "core/tensor/initial_values.hpp"

namespace accord {

/// The part of ONE-PEACE that one rank holds: chunks of the encoder, and with the last chunk what
/// the objectives need: projections, a decoder, and what each kind of objective holds; with all
/// parameters in one store under the official names (docs/model.md 1.11). The encoder's layers are
/// split over the tensor group; what surrounds them, adapters, heads and decoder, every rank of it
/// holds and computes alike.
class Model {
 public:
  /// \param tensor_group  ranks that share each layer; must outlive the model
  /// \param chunks  the layers of this rank's pipeline stage
  /// \param sequence_parallel  split rows over them outside attention and FFN
  Model(Queue& queue, ModelConfig const& config, DType dtype, Communicator& tensor_group,
        std::vector<LayerChunk> chunks, bool sequence_parallel = false);
  /// Every parameter of the whole model, without memory for it: what checkpoints list, whatever a
  /// rank holds.
  static std::vector<ParameterSpec> describe(ModelConfig const& config);
  Model(Model const&) = delete;
  Model& operator=(Model const&) = delete;

  /// The whole model in one chunk.
  static std::vector<LayerChunk> whole(ModelConfig const& config) {
    return {{0, config.encoder.layers, true, true}};
  }

  ModelConfig const& config() const { return config_; }
  std::vector<LayerChunk> const& chunks() const { return chunks_; }
  std::vector<Pass> const& passes() const { return passes_; }
  ParameterStore& parameters() { return store_; }
  DType dtype() const { return dtype_; }
  Encoder const& encoder() const { return *encoder_; }
  /// Null where no objective decodes, or without the last chunk.
  Decoder const* decoder() const { return decoder_ ? &*decoder_ : nullptr; }
  Projection const& projection(Modality m) const { return projections_[m.index()]; }
  // By kind, in the registry's order; none without the last chunk.
  template <class Objective>
  struct OfKind {
    ObjectiveFamily const* family;
    std::unique_ptr<Objective> objective;
  };
  std::vector<OfKind<MicroBatchObjective>> const& micro_batch_objectives() const {
    return micro_batch_objectives_;
  }
  std::vector<OfKind<BatchObjective>> const& batch_objectives() const { return batch_objectives_; }
  /// The one that learns from labels; null where none does, or without the last chunk.
  MicroBatchObjective const* labelled_objective() const;

  void initialise(Queue& queue, InitMode mode, std::uint32_t seed);

 private:
  enum class Build : std::uint8_t { named, allocated };
  Model(Queue& queue, ModelConfig const& config, DType dtype, Communicator& tensor_group,
        std::vector<LayerChunk> chunks, bool sequence_parallel, Build build);

  ModelConfig config_;
  std::vector<LayerChunk> chunks_;
  std::vector<Pass> passes_;
  DType dtype_;
  ParameterScope::Rules rules_;
  ParameterStore store_;
  SelfCommunicator alone_;
  std::optional<Encoder> encoder_;
  std::optional<Decoder> decoder_;
  std::vector<Projection> projections_;  ///< [Modality], or none
  std::vector<OfKind<MicroBatchObjective>> micro_batch_objectives_;
  std::vector<OfKind<BatchObjective>> batch_objectives_;
};

/// Rows of the class tokens of a pass, one per sample, in the pack that holds it.
Tensor class_token_rows(Queue& queue, Pack const& pack, int pass, Modality modality, Index samples);

}  // namespace accord
