#pragma once

#include <functional>

#include "core/model/stack/block.hpp"

namespace accord {

/// Layers [begin, end) of the encoder or decoder: `<wrapper>.fusion_model.layers.<i>`.
class Stack {
 public:
  struct Saved {
    std::vector<Block::Saved> blocks;
  };
  /// Called with the flat parameter index from which on all gradients are final, as backward
  /// proceeds.
  using Ready = std::function<void(Index flat_begin)>;
  /// The position bias of a layer by modality; empty: none.
  using Biases = std::function<std::vector<PositionBias>(Index layer)>;

  /// \param fusion_model  at the depth of layer 0
  Stack(ParameterScope const& fusion_model, StackConfig const& config,
        std::vector<std::string> const& modalities, TensorParallelRegion region, Index layer_begin,
        Index layer_end);

  Index layer_begin() const { return layer_begin_; }
  Index layer_end() const { return layer_begin_ + static_cast<Index>(blocks_.size()); }
  Block const& block(Index layer) const {
    return blocks_[static_cast<std::size_t>(layer - layer_begin_)];
  }

  /// Consumes x [rows of the pack, d] and returns it after the last layer; `saved` null: nothing is
  /// kept.
  Tensor forward(Queue& queue, PackPlan const& plan, Biases const& biases, Tensor x,
                 Recompute recompute, Saved* saved) const;
  Tensor backward(Queue& queue, PackPlan const& plan, Biases const& biases, Tensor dx,
                  Recompute recompute, Saved& saved, Ready const& ready = {}) const;

 private:
  Index layer_begin_;
  std::vector<Block> blocks_;
};

}  // namespace accord
