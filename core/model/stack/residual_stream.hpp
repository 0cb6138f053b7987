#pragma once

#include <optional>

#include "core/model/pack.hpp"
#include "core/nn/layer_norm.hpp"
#include "core/ops/residual_norm.hpp"

namespace accord {

/// The residual stream [R, d] on its way forward, from norm to norm. A branch that has ended waits,
/// and the next norm, which reads every row anyway, adds it on the way (ops/residual_norm.hpp):
/// across layers too. What the backward needs is not copied: whoever keeps it owns it, and the
/// stream reads on from there.
class ResidualStream {
 public:
  explicit ResidualStream(Tensor x) : memory_(std::move(x)), x_(memory_) {}
  /// Begins with a tensor that outlives the stream and stays as it is.
  explicit ResidualStream(ConstView x) : x_(x) {}

  /// The norm of a branch's rows [m, d] of the stream, all branches before added; `kept`, where
  /// given, gets the stream.
  Tensor norm(Queue& queue, LayerNorm const& norm, BranchRows const& rows, LayerNorm::Saved& saved,
              Tensor* kept);
  /// The branch has ended: rows of the stream += row_scale * gamma * branch [m, d]. `rows` must
  /// live until the next norm. `kept`, where given, gets the branch.
  void add(Tensor branch, BranchRows const& rows, ConstView gamma, Tensor* kept);
  /// The stream with all branches added.
  Tensor finish(Queue& queue) &&;

 private:
  Tensor memory_;  ///< of x_, unless somebody keeps it
  ConstView x_;
  BranchRows const* ended_ = nullptr;  ///< rows of the branch that waits, if one does
  Tensor branch_memory_;               ///< likewise
  ConstView branch_, gamma_;
};

/// The gradient of the residual stream on its way back, and that of the branch which the backward
/// comes to next.
struct ResidualGradient {
  Tensor dx;       ///< [R, d]
  Tensor dbranch;  ///< [m, d], or empty: not computed yet

  /// A branch as it ended: its rows, its values (read for dgamma alone) and LayerScale.
  struct End {
    BranchRows const& rows;
    ConstView values, gamma;
    View dgamma;
  };
  /// dbranch, from dx.
  void enter(Queue& queue, End const& end);
  /// Behind a branch and its norm, of which dy [m, d] is the gradient: adds to dx, and to the
  /// gradients of the norm. `stream` is what forward kept of it; `before` the branch that its norm
  /// added, whose dbranch comes along.
  void leave(Queue& queue, ConstView dy, LayerNorm const& norm, BranchRows const& rows,
             ConstView stream, LayerNorm::Saved const& saved, std::optional<End> const& before);
};

}  // namespace accord
