#pragma once

#include <optional>
#include <string>
#include <vector>

#include "core/model/pack.hpp"
#include "core/model/stack/residual_stream.hpp"
#include "core/nn/geglu_ffn.hpp"
#include "core/nn/self_attention.hpp"

namespace accord {

/// One transformer layer (docs/model.md 1.8): pre-norm, attention shared by all modalities, a
/// feed-forward branch per modality, LayerScale and stochastic depth on both branches.
///   x += scale1 * gamma_1 * attention(norm(x));   x += scale2 * gamma_2 * ffn_m(norm(x))
/// Branches run on their BranchRows only; other rows pass through. Under sequence parallelism the
/// stream and all that is saved of it are this rank's rows.
class Block {
 public:
  struct Saved {
    Tensor x, mid;                      ///< [R, d] residual stream at each norm
    Tensor attention_input, ffn_input;  ///< norms' outputs, or empty: rebuilt
    LayerNorm::Saved attention_norm, ffn_norm;
    SelfAttention::Saved attention;
    std::vector<GegluFfn::Saved> ffn;     ///< by group of the FFN's rows
    Tensor attention_branch, ffn_branch;  ///< what LayerScale multiplies, for its gradient
  };

  /// \param modalities  names, by Modality
  Block(ParameterScope const& scope, StackConfig const& config,
        std::vector<std::string> const& modalities, TensorParallelRegion region);

  /// Takes the stream through the layer; the FFN branch is what it ends with. `saved` null: nothing
  /// is kept (a pass without gradient).
  void forward(Queue& queue, BranchRows const& attention_rows, BranchRows const& ffn_rows,
               std::span<PositionBias const> bias, ResidualStream& stream, Recompute recompute,
               Saved* saved) const;
  /// The end of the FFN branch, in a layer whose forward saved this.
  ResidualGradient::End ffn_end(BranchRows const& ffn_rows, Saved const& saved) const;
  /// Takes the gradient back, from its entry into the FFN branch. `before`: the branch that the
  /// layer's first norm added, if it did. Consumes what was saved.
  void backward(Queue& queue, BranchRows const& attention_rows, BranchRows const& ffn_rows,
                std::span<PositionBias const> bias,
                std::optional<ResidualGradient::End> const& before, ResidualGradient& gradient,
                Saved& saved) const;
  /// Flat index of the block's first parameter: once its backward is done, every gradient from here
  /// on is final.
  Index flat_begin() const;

 private:
  ConstView gamma(int id) const { return id >= 0 ? ConstView(store_->value(id)) : ConstView{}; }
  ResidualGradient::End end(BranchRows const& rows, Tensor const& branch, int gamma_id) const {
    return {rows, branch, gamma(gamma_id), gamma_id >= 0 ? store_->gradient(gamma_id) : View{}};
  }
  Tensor ffn_forward(Queue& queue, BranchRows const& rows, ConstView own, Recompute recompute,
                     std::vector<GegluFfn::Saved>* saved) const;
  Tensor ffn_backward(Queue& queue, BranchRows const& rows, ConstView own_dbranch,
                      Saved& saved) const;

  ParameterStore* store_;
  TensorParallelRegion region_;
  int first_parameter_;
  int gamma_1_, gamma_2_;
  LayerNorm attention_norm_, ffn_norm_;
  SelfAttention attention_;
  std::vector<GegluFfn> ffn_;
};

}  // namespace accord
