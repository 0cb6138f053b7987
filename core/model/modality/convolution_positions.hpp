#pragma once

#include <vector>

#include "core/model/config.hpp"
#include "core/nn/layer_norm.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {

/// Convolutional positions (docs/model.md 1.4, `embed_positions`): a few layers of grouped
/// convolution with bias over the features of a sequence, which counts as zero beyond its ends,
/// each followed by a norm without affine part and GELU. x and the result are [rows, d]; sequence s
/// has rows [offsets[s], offsets[s + 1]), offsets int32.
class ConvolutionPositions {
 public:
  struct Saved {
    struct Layer {
      Tensor x, convolved;
      LayerNorm::Saved norm;
    };
    std::vector<Layer> layers;
  };

  ConvolutionPositions(ParameterScope const& scope, ModalityConfig const& config, Index embed_dim);

  Tensor forward(Queue& queue, ConstView x, ConstView offsets, Saved& saved) const;
  /// Returns dx; adds to the gradients of the parameters.
  Tensor backward(Queue& queue, ConstView dy, ConstView offsets, Saved const& saved) const;

 private:
  struct Layer {
    int weight, bias;
  };
  ParameterStore* store_;
  std::vector<Layer> layers_;
  LayerNorm norm_;  ///< of every layer: it has no parameters
};

}  // namespace accord
