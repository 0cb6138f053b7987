#pragma once
// The end of a residual branch: LayerScale, stochastic depth and the add, on compacted rows.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// x[rows[i], :] += row_scale[i] * gamma * branch[i, :]
/// branch [m, d]   rows int32 [m], no row twice, or empty (row i)   row_scale [m] in
/// accumulator_of(dtype) or empty (1): 1 / keep of stochastic depth   gamma [d] or empty (no
/// LayerScale)   x [R, d], in place
void residual_forward(Queue& queue, ConstView branch, ConstView rows, ConstView row_scale,
                      ConstView gamma, View x);
/// dbranch[i] = row_scale[i] * gamma * dx[rows[i]] (overwritten);  dgamma += sum_i row_scale[i] *
/// branch[i] * dx[rows[i]]. dx passes through unchanged (the identity path). dgamma empty: frozen
/// or no LayerScale; `branch` is then unused.
void residual_backward(Queue& queue, ConstView dx, ConstView branch, ConstView rows,
                       ConstView row_scale, ConstView gamma, View dbranch, View dgamma);

ACCORD_BACKENDS(void residual_forward(Queue& queue, ConstView branch, ConstView rows,
                                      ConstView row_scale, ConstView gamma, View x))
ACCORD_BACKENDS(void residual_backward(Queue& queue, ConstView dx, ConstView branch, ConstView rows,
                                       ConstView row_scale, ConstView gamma, View dbranch,
                                       View dgamma))

}  // namespace accord
