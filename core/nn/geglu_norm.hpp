#pragma once

#include "core/nn/layer_norm.hpp"

namespace accord {

/// y = LN(gelu(gate) * up): what lies between the two linear maps of a feed-forward branch. In one
/// op where a rank holds whole rows; where they are sharded, sums over the group come between, and
/// the product is in memory for as long as a call takes.
class GegluNorm {
 public:
  explicit GegluNorm(LayerNorm norm) : norm_(norm) {}

  /// gate_up [m, 2 f / tp]   \returns y [m, f / tp]
  Tensor forward(Queue& queue, ConstView gate_up, LayerNorm::Saved& saved) const;
  /// The forward's result once more: bit for bit the same y.
  Tensor recompute(Queue& queue, ConstView gate_up) const {
    LayerNorm::Saved discarded;
    return forward(queue, gate_up, discarded);
  }
  /// Overwrites dgate_up, which may be gate_up; adds to the gradients of weight and bias.
  void backward(Queue& queue, ConstView dy, ConstView gate_up, LayerNorm::Saved const& saved,
                View dgate_up) const;

 private:
  LayerNorm norm_;
};

}  // namespace accord
