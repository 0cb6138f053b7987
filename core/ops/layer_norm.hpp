#pragma once
// y = (x - mean) * rstd * weight + bias over the last dimension; rstd = 1 / sqrt(var + 1e-5),
// biased variance.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

inline constexpr double layer_norm_epsilon = 1e-5;

/// Row i of y is the norm of row rows[i] of x (row i when `rows` is empty): the read of a compacted
/// branch. x [R, n]   rows int32 [m] or empty   weight, bias [n], or empty for no affine part y [m,
/// n]   mean, rstd [m] in accumulator_of(dtype), kept for backward
void layer_norm_forward(Queue& queue, ConstView x, ConstView rows, ConstView weight, ConstView bias,
                        View y, View mean, View rstd);

/// What happens to what an output view holds.
enum class Write : bool { overwrite, accumulate };

/// dx[rows[i]] = or += the gradient of row i; with `rows` given each row occurs at most once and
/// Write must be accumulate. Adds to dweight and dbias (empty when frozen or without affine part).
void layer_norm_backward(Queue& queue, ConstView dy, ConstView x, ConstView rows, ConstView weight,
                         ConstView mean, ConstView rstd, Write write, View dx, View dweight,
                         View dbias);

// The sharded form: each rank of the tensor-parallel group holds n of `width` columns, and the
// caller all-reduces the row sums between the calls (docs/derivations/sharded-layer-norm.md).
// Statistics are in accumulator_of(dtype).

/// sum[i] = sum_j x[i, j]
void row_sum(Queue& queue, ConstView x, View sum);
/// squares[i] = sum_j (x[i, j] - sum[i] / width)^2, with `sum` already summed over the group
void row_centred_squares(Queue& queue, ConstView x, ConstView sum, Index width, View squares);
/// y, mean, rstd from the group's sums; y may be x.
void layer_norm_apply(Queue& queue, ConstView x, ConstView sum, ConstView squares, Index width,
                      ConstView weight, ConstView bias, View y, View mean, View rstd);
/// sums[i] = {sum_j g_ij, sum_j g_ij xhat_ij}, g = dy * weight   sums [m, 2]; also adds to dweight
/// and dbias.
void layer_norm_backward_sums(Queue& queue, ConstView dy, ConstView x, ConstView weight,
                              ConstView mean, ConstView rstd, View sums, View dweight, View dbias);
/// dx = rstd * (g - sums[0] / width - xhat * sums[1] / width), overwritten; may be dy or x.
void layer_norm_backward_apply(Queue& queue, ConstView dy, ConstView x, ConstView weight,
                               ConstView mean, ConstView rstd, ConstView sums, Index width,
                               View dx);

ACCORD_BACKENDS(void layer_norm_forward(Queue& queue, ConstView x, ConstView rows, ConstView weight,
                                        ConstView bias, View y, View mean, View rstd))
ACCORD_BACKENDS(void layer_norm_backward(Queue& queue, ConstView dy, ConstView x, ConstView rows,
                                         ConstView weight, ConstView mean, ConstView rstd,
                                         Write write, View dx, View dweight, View dbias))
ACCORD_BACKENDS(void row_sum(Queue& queue, ConstView x, View sum))
ACCORD_BACKENDS(void row_centred_squares(Queue& queue, ConstView x, ConstView sum, Index width,
                                         View squares))
ACCORD_BACKENDS(void layer_norm_apply(Queue& queue, ConstView x, ConstView sum, ConstView squares,
                                      Index width, ConstView weight, ConstView bias, View y,
                                      View mean, View rstd))
ACCORD_BACKENDS(void layer_norm_backward_sums(Queue& queue, ConstView dy, ConstView x,
                                              ConstView weight, ConstView mean, ConstView rstd,
                                              View sums, View dweight, View dbias))
ACCORD_BACKENDS(void layer_norm_backward_apply(Queue& queue, ConstView dy, ConstView x,
                                               ConstView weight, ConstView mean, ConstView rstd,
                                               ConstView sums, Index width, View dx))

}  // namespace accord
