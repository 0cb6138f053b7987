#pragma once
// From one residual branch to the next in one pass over the stream: the branch before is added
// (ops/residual.hpp), the sum normalised for the branch behind (ops/layer_norm.hpp).
//
// Both branches run on compacted rows of the stream, each on its own. An `index` int32 [R] says
// which row of a branch belongs to a row of the stream: its number, every one once, or -1; empty:
// row i.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// What ends in the stream: row r of it gains row_scale[i] * gamma * values[i, :], i = index[r].
struct EndingBranch {
  ConstView values;  ///< [m, d]
  ConstView index;   ///< of its m rows
  ConstView
      row_scale;    ///< [m] in accumulator_of(dtype), or empty (1): 1 / keep of stochastic depth
  ConstView gamma;  ///< [d], or empty: no LayerScale
};

/// The norm that a branch begins with.
struct BranchNorm {
  ConstView index;         ///< of the n rows that it reads
  ConstView weight, bias;  ///< [d], or empty: no affine part
};

/// sum = x + branch; y = the norm of its rows.   x, sum [R, d], sum may be x   y [n, d]   mean,
/// rstd [n] in accumulator_of(dtype), of the rows of `sum` as they are stored
void residual_norm_forward(Queue& queue, ConstView x, EndingBranch const& branch,
                           BranchNorm const& norm, View sum, View y, View mean, View rstd);

/// Gradients of parameters, added to; empty where they are frozen or missing.
struct ResidualNormGradients {
  View dweight, dbias, dgamma;  ///< [d] in accumulator_of(dtype)
};

/// From dy [n, d], and the gradient dx [R, d] of `sum` along the other way, to those of x (dx in
/// place) and of branch.values (dbranch [m, d], overwritten). branch.values is read for dgamma
/// alone.
void residual_norm_backward(Queue& queue, ConstView dy, ConstView sum, BranchNorm const& norm,
                            ConstView mean, ConstView rstd, EndingBranch const& branch, View dx,
                            View dbranch, ResidualNormGradients const& gradients);

ACCORD_BACKENDS(void residual_norm_forward(Queue& queue, ConstView x, EndingBranch const& branch,
                                           BranchNorm const& norm, View sum, View y, View mean,
                                           View rstd))
ACCORD_BACKENDS(void residual_norm_backward(Queue& queue, ConstView dy, ConstView sum,
                                            BranchNorm const& norm, ConstView mean, ConstView rstd,
                                            EndingBranch const& branch, View dx, View dbranch,
                                            ResidualNormGradients const& gradients))

}  // namespace accord
