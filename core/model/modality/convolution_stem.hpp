#pragma once

#include <vector>

#include "core/model/config.hpp"
#include "core/nn/layer_norm.hpp"
#include "core/nn/linear.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {

/// Samples to frame features [frames, d] (docs/model.md 1.4, `embed_audios`): convolutions without
/// padding or bias, each followed by a norm over its channels and GELU; then a norm and a
/// projection. Items lie back to back, each with its own length; rows are frames, columns channels.
class ConvolutionStem {
 public:
  /// The convolutions' inputs are computed again in backward, from what they were made of.
  struct Saved {
    Tensor samples;                           ///< [elements, 1]
    std::vector<std::vector<Index>> offsets;  ///< of the items: in samples, then after each level
    struct Level {
      Tensor convolved;
      LayerNorm::Saved norm;
    };
    std::vector<Level> levels;
    LayerNorm::Saved norm;  ///< before the projection
  };

  ConvolutionStem(ParameterScope const& scope, ModalityConfig const& config, Index embed_dim);

  /// Frames of an item: floor((n - kernel) / stride) + 1 from level to level, 0 where it is shorter
  /// than a kernel.
  static Index frames(ModalityConfig const& config, Index elements);

  /// samples [elements, 1]; item i is [offsets[i], offsets[i + 1])   \returns [frames, d]
  Tensor forward(Queue& queue, Tensor samples, std::vector<Index> offsets, Saved& saved) const;
  /// Adds to the gradients of all parameters. dsamples, if given, is overwritten with the gradient
  /// of the samples: training has no use for it.
  void backward(Queue& queue, ConstView dfeatures, Saved const& saved, View dsamples = {}) const;
  /// Some parameter of it trains.
  bool trains() const;

 private:
  struct Level {
    int weight;  ///< [out, in, kernel]
    Index stride;
    LayerNorm norm;
  };
  Tensor matrix(Queue& queue, Level const& level) const;
  void convolve(Queue& queue, Level const& level, ConstView x, std::vector<Index> const& from,
                std::vector<Index> const& to, View y) const;
  void convolve_backward(Queue& queue, Level const& level, ConstView dy, ConstView x,
                         std::vector<Index> const& from, std::vector<Index> const& to,
                         View dx) const;
  /// The output of level i, from what it saved.
  Tensor activated(Queue& queue, std::size_t i, Saved const& saved) const;

  ParameterStore* store_;
  std::vector<Level> levels_;
  LayerNorm norm_;
  Linear projection_;
  int end_;  ///< one past the id of its last parameter
};

}  // namespace accord
