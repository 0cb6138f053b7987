#pragma once

#include "core/nn/layer_norm.hpp"
#include "core/nn/linear.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/nn/recompute.hpp"
#include "core/nn/tensor_parallel_region.hpp"
#include "core/ops/attention.hpp"

namespace accord {

/// y = Wo LN(concat_heads softmax(q k^T / sqrt(head_dim) + bias) v) + bo with q = Wq a + bq, k = Wk
/// a, v = Wv a + bv (docs/model.md 1.8: no bias on k; the norm inside, over all heads, is the
/// paper's sub-LN). Tensor parallel by heads: q, k, v split by rows, Wo by columns, the norm
/// sharded, bo added after the sum.
class SelfAttention {
 public:
  struct Saved {
    Tensor qkv;  ///< [m, 3 d / tp]
    Tensor out;  ///< [m, d / tp], before the norm
    Tensor lse;  ///< [m, heads / tp]
    LayerNorm::Saved norm;
    Tensor normed;  ///< [m, d / tp], or empty: rebuilt
  };

  SelfAttention(ParameterScope const& scope, Index embed_dim, Index heads,
                TensorParallelRegion region);

  /// a [m, d]   bias by modality, heads of this rank; empty: none   \returns y [m, d]
  /// The plan is of all rows; where `shares` splits them, a and y are this rank's.
  Tensor forward(Queue& queue, ConstView a, AttentionPlan const& plan,
                 std::span<PositionBias const> bias, Recompute recompute, Saved& saved,
                 RowShares const& shares = {}) const;
  /// \returns da [m, d]; adds to the gradients of parameters and bias tables.
  Tensor backward(Queue& queue, ConstView dy, ConstView a, AttentionPlan const& plan,
                  std::span<PositionBias const> bias, Saved const& saved,
                  RowShares const& shares = {}) const;

 private:
  ParameterStore* store_;
  TensorParallelRegion region_;
  Index heads_, width_;  ///< of this rank
  int q_bias_, v_bias_, out_bias_;
  Linear qkv_, out_;
  LayerNorm norm_;
};

}  // namespace accord
