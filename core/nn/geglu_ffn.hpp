#pragma once

#include "core/nn/geglu_norm.hpp"
#include "core/nn/linear.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/nn/recompute.hpp"
#include "core/nn/tensor_parallel_region.hpp"

namespace accord {

/// y = W3 LN(gelu(W0 x) * (W1 x)) + b3, the norm over the hidden width f (docs/model.md 1.8).
/// Tensor parallel by width: W0, W1 split by rows, W3 by columns, the norm sharded. forward() and
/// backward() run inside the region, on partial sums: the block enters and leaves it once for the
/// rows of all modalities, and adds the bias outside.
class GegluFfn {
 public:
  struct Saved {
    Tensor gate_up;  ///< [m, 2 f / tp]
    LayerNorm::Saved norm;
    Tensor normed;  ///< [m, f / tp], or empty: rebuilt
  };

  GegluFfn(ParameterScope const& scope, Index embed_dim, Index ffn_dim,
           TensorParallelRegion region);

  /// x [m, d]   y [m, d] overwritten with the partial sum, without bias
  void forward(Queue& queue, ConstView x, Recompute recompute, View y, Saved& saved) const;
  /// Outside the region: y [rows, d] += b3, and its backward.
  void add_bias(Queue& queue, View y) const;
  void add_bias_backward(Queue& queue, ConstView dy) const;
  /// dx [m, d] overwritten with this rank's contribution. Consumes what was saved.
  void backward(Queue& queue, ConstView dy, ConstView x, Saved& saved, View dx) const;

 private:
  ParameterStore* store_;
  int bias_;
  Linear in_, out_;
  GegluNorm norm_;
};

}  // namespace accord
