#pragma once

#include <optional>

#include "core/model/config.hpp"
#include "core/model/pack.hpp"
#include "core/nn/layer_norm.hpp"
#include "core/objective/attention_pooling.hpp"

namespace accord {

/// From the features of a pass to logits of classes (docs/model.md 6, `classify_head`): the tokens
/// of one modality but its class token, pooled by attention and normalised, or the class token as
/// it is; then Linear d -> 2 d, LayerNorm, GELU, Linear 2 d -> classes.
class ClassifyHead {
 public:
  struct Saved {
    Tensor rows;                 ///< int32: what is read of the features
    std::vector<Index> lengths;  ///< of them each sample's; all 1 for class tokens
    Tensor tokens;               ///< [n, d]
    AttentionPooling::Saved pooling;
    Tensor pooled, normed_pooled;  ///< [b, d]
    LayerNorm::Saved pooled_norm;
    Tensor inner, normed, activated;  ///< [b, 2 d]
    LayerNorm::Saved norm;
  };

  /// \param classes  at least 1
  ClassifyHead(ParameterScope const& scope, Index embed_dim, Index heads, Pooling pooling,
               Index classes);

  /// What the head reads: tokens of `modality` in `pass`.
  Saved plan(Queue& queue, Pack const& pack, int pass, Modality modality, Index samples) const;
  /// features [R, d] of the pack   \returns logits [b, classes]
  Tensor forward(Queue& queue, ConstView features, Saved& saved) const;
  /// dfeatures[rows] += gradient; adds to the gradients of all parameters.
  void backward(Queue& queue, ConstView dlogits, Saved const& saved, View dfeatures) const;

 private:
  struct Pool {
    AttentionPooling attention;
    LayerNorm norm;
  };
  std::optional<Pool> pool_;
  Linear inner_;
  LayerNorm norm_;
  Linear out_;
};

}  // namespace accord
