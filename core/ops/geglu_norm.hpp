#pragma once
// GeGLU and the LayerNorm behind it, by rows: the product between them is in no memory but that of
// the row at hand, and backward rebuilds it.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// y = LN(gelu(gate) * up), as geglu_forward and layer_norm_forward one after the other.
/// gate_up [m, 2 f]: columns [0, f) gate, [f, 2 f) up   weight, bias [f], or empty for no affine
/// part   y [m, f]   mean, rstd [m] of the product, in accumulator_of(dtype), kept for backward
void geglu_norm_forward(Queue& queue, ConstView gate_up, ConstView weight, ConstView bias, View y,
                        View mean, View rstd);
/// Overwrites dgate_up [m, 2 f]; it may be gate_up itself. Adds to dweight and dbias (empty when
/// frozen or without affine part).   dy [m, f]
void geglu_norm_backward(Queue& queue, ConstView dy, ConstView gate_up, ConstView weight,
                         ConstView mean, ConstView rstd, View dgate_up, View dweight, View dbias);

ACCORD_BACKENDS(void geglu_norm_forward(Queue& queue, ConstView gate_up, ConstView weight,
                                        ConstView bias, View y, View mean, View rstd))
ACCORD_BACKENDS(void geglu_norm_backward(Queue& queue, ConstView dy, ConstView gate_up,
                                         ConstView weight, ConstView mean, ConstView rstd,
                                         View dgate_up, View dweight, View dbias))

}  // namespace accord
