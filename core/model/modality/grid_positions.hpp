#pragma once

#include "core/nn/parameter_scope.hpp"

namespace accord {

/// Absolute positions of a square grid of patches behind a class token, `pos_embed`
/// (docs/model.md 1.3). A table of another grid is resized each time it is used
/// (interpolation.hpp), so that one table serves every resolution and stays what is trained.
class GridPositions {
 public:
  /// \param table_side, side  patches along a side: of the table, and of the pictures
  GridPositions(Queue& queue, ParameterScope const& scope, Index embed_dim, Index table_side,
                Index side, DType dtype);

  /// \returns [side^2 + 1, d], row 0 the class token's
  Tensor forward(Queue& queue) const;
  /// Adds to the gradient of the table.   dpositions [side^2 + 1, d], accumulator type
  void backward(Queue& queue, ConstView dpositions) const;
  /// Zeros to collect dpositions in; empty for a table that does not train.
  Tensor zero_gradient(Queue& queue) const;

 private:
  bool resized() const { return static_cast<bool>(weights_); }

  ParameterStore* store_;
  Index rows_;
  int table_;
  Tensor weights_;  ///< [side^2, table_side^2]; empty: the table is of this grid
};

}  // namespace accord
