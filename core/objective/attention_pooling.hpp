#pragma once

#include "core/nn/linear.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/ops/attention.hpp"

namespace accord {

/// One vector of all tokens of a sample (docs/model.md 6, `attn_pooling_func`): per head a learned
/// query, y = Wo concat_heads softmax(q . K x) (V x + bv) + bo. No bias on K, and no 1 / sqrt(head
/// width) on the logits.
class AttentionPooling {
 public:
  struct Saved {
    AttentionPlan plan;
    Tensor qkv;  ///< [b + n, 3 d]: a row per sample that asks, then the tokens, which answer
    Tensor out;  ///< [b + n, d]
    Tensor lse;  ///< [b + n, heads]
  };

  AttentionPooling(ParameterScope const& scope, Index embed_dim, Index heads);

  /// x [n, d]: the tokens of all samples back to back, lengths[s] of sample s, at least one
  /// \returns y [b, d]
  Tensor forward(Queue& queue, ConstView x, std::vector<Index> const& lengths, Saved& saved) const;
  /// \returns dx [n, d]; adds to the gradients of all parameters
  Tensor backward(Queue& queue, ConstView dy, ConstView x, Saved const& saved) const;

 private:
  ParameterStore* store_;
  Index width_, heads_;
  int query_;
  Linear key_, value_, out_;
};

}  // namespace accord
