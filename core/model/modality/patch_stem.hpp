#pragma once

#include <vector>

#include "core/model/config.hpp"
#include "core/nn/layer_norm.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/ops/patches.hpp"

namespace accord {

/// Pixels to patch features [b * patches, d]. Every convolution has kernel = stride, so each is a
/// GEMM over windows and a patch never sees its neighbours.
///   hMLP: conv 4x4 (3 -> d/4), norm, GELU, conv 2x2 (d/4 -> d/4), norm, GELU, conv 2x2 (d/4 -> d),
///   biases mlp:  conv patch x patch (3 -> d), no bias
class PatchStem {
 public:
  struct Saved {
    Tensor windows;  ///< input of the first convolution
    struct Level {
      Tensor convolved, normed, activated;
      LayerNorm::Saved norm;
    };
    std::vector<Level> levels;  ///< all but the last convolution
  };

  /// \throws UsageError for sizes that the kind cannot have
  PatchStem(ParameterScope const& scope, StemKind kind, Index size, Index patch, Index embed_dim);

  /// pixels: as ops/patches.hpp   \returns [b * (size / patch)^2, d]
  Tensor forward(Queue& queue, ConstView pixels, Saved& saved) const;
  /// Adds to the gradients of all parameters. dwindows, if given, is overwritten with the gradient
  /// of saved.windows: training has no use for the gradient of pixels.
  void backward(Queue& queue, ConstView dfeatures, Saved const& saved, View dwindows = {}) const;

  PatchLayout const& layout() const { return layout_; }

 private:
  struct Convolution {
    int weight, bias;
    Index windows;  ///< rows of its input joined into one of its output's
  };
  Tensor matrix(Queue& queue, Convolution const& convolution) const;
  Tensor convolve(Queue& queue, Convolution const& convolution, ConstView x) const;
  /// dx overwritten, or empty: not wanted.
  void convolve_backward(Queue& queue, Convolution const& convolution, ConstView dy, ConstView x,
                         View dx) const;

  ParameterStore* store_;
  PatchLayout layout_;
  std::vector<Convolution> convolutions_;
  std::vector<LayerNorm> norms_;
};

}  // namespace accord
