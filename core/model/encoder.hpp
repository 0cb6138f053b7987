#pragma once

#include "core/model/modality/adapter.hpp"
#include "core/model/modality/bias_table.hpp"
#include "core/model/stack/stack.hpp"

namespace accord {

/// A chunk of consecutive layers: what one pipeline stage, or one of its virtual stages, runs. The
/// first chunk of the model has the adapters, the last one norms and heads.
struct LayerChunk {
  Index layer_begin = 0, layer_end = 0;
  bool first = true, last = true;
};

/// Adapters, shared layers and final norms: `encoder_wrapper` of the official names. Runs a
/// micro-batch as two packs: the passes that send a gradient back, with their activations kept, and
/// those that do not, with nothing kept. Adapters and final norms see all rows on every
/// tensor-parallel rank; between them, under sequence parallelism, each rank holds its share.
class Encoder {
 public:
  /// One pack of a micro-batch on its way through.
  struct Half {
    PackPlan plan;
    std::vector<RowPlacement> placement;  ///< [Modality] (first chunk)
    Tensor x;                             ///< [own rows, d] input of the layers, then their output
    Tensor normed_x;  ///< [R, d] input of the final norms, kept for their backward (last chunk)
    Tensor features;  ///< [R, d] after the final norms (last chunk)
    std::vector<LayerNorm::Saved> norms;  ///< [Modality]
    Stack::Saved stack;
  };
  /// Everything of one micro-batch in one chunk between its forward and its backward.
  struct State {
    int chunk = 0;
    std::vector<std::unique_ptr<Adapter::Saved>> items;  ///< [Modality]
    Half with_gradient, without_gradient;

    /// The pack that holds a pass.
    Half const& half_of(int pass) const;
  };

  /// \param chunks  those of this rank, ascending
  Encoder(Queue& queue, ParameterScope const& scope, ModelConfig const& config, DType dtype,
          TensorParallelRegion region, std::vector<LayerChunk> const& chunks);

  /// Only where the first chunk is.
  Adapter const& adapter(Modality m) const { return *adapters_[m.index()]; }
  /// [Modality] of a layer that this rank holds.
  std::vector<PositionBias> position_biases(Index layer) const;
  Stack const& stack(int chunk = 0) const { return stacks_[static_cast<std::size_t>(chunk)]; }

  /// Packs the passes `with_gradient` and `without_gradient` (indices into `passes`).
  State plan(Queue& queue, MicroBatch const& batch, std::vector<Pass> const& passes,
             std::vector<int> const& with_gradient, std::vector<int> const& without_gradient,
             DropPath const& drop, Index pad_pool, int chunk = 0) const;

  /// One micro-batch through one chunk. Consumes the message of the chunk before (none on the
  /// first) and returns that to the chunk behind (none on the last, where features are then).
  /// Between chunks the own rows of both halves travel as one message.
  Tensor forward(Queue& queue, MicroBatch const& batch, LayerChunk const& chunk, Tensor input,
                 Recompute recompute, State& state) const;
  Shape message_shape(State const& state) const;  ///< [rows, d]
  /// What forward() begins with on the first chunk.
  void embed(Queue& queue, MicroBatch const& batch, State& state) const;

  // Backwards; between chunks dx travels as it is.
  /// dfeatures [R, d] of the pack with gradient   \returns dx [own rows, d] behind the last layer
  Tensor finish_backward(Queue& queue, ConstView dfeatures, State& state) const;
  Tensor layers_backward(Queue& queue, Tensor dx, State& state, Recompute recompute,
                         Stack::Ready const& ready) const;
  /// Consumes the gradient of the layers' input.
  void embed_backward(Queue& queue, Tensor dx, State& state) const;

  void fix_initial_values(Queue& queue) const;

 private:
  /// Takes the layers' input from a message.
  void receive(Queue& queue, ConstView message, State& state) const;
  void run_layers(Queue& queue, State& state, Recompute recompute) const;
  /// \returns the layers' output as a message; the halves keep none
  Tensor send(Queue& queue, State& state) const;
  void finish(Queue& queue, State& state) const;  ///< last chunk: features

  DType dtype_;
  StackConfig config_;
  bool per_layer_bias_;
  TensorParallelRegion region_;
  std::vector<std::unique_ptr<Adapter>> adapters_;  ///< [Modality] (first chunk)
  std::vector<BiasTable> bias_tables_;              ///< [Modality]
  std::vector<Stack> stacks_;                       ///< [chunk]
  std::vector<LayerNorm> norms_;                    ///< [Modality] (last chunk)
};

/// Adds the final norms `<m>_layer_norm` of a stack.
std::vector<LayerNorm> add_modality_norms(ParameterScope const& fusion_model,
                                          std::vector<std::string> const& modalities, Index width);
std::vector<std::string> modality_names(ModelConfig const& config);

}  // namespace accord
