#pragma once
// Convolution along packed sequences, each channel group by itself (docs/model.md 1.4,
// convolutional positions): y[t, o] = sum_k sum_c weight[o, c, k] x[t + k - K / 2, group(o) C + c],
// where a row outside the sequence of row t counts as zero.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// x [R, groups * C]   y [R, out]   weight [out, C, K], out a multiple of groups; group(o) =
/// o / (out / groups).   offsets int32 [n + 1]: sequence s has rows [offsets[s], offsets[s + 1]).
/// Overwrites y.
void grouped_convolution_forward(Queue& queue, ConstView x, ConstView offsets, ConstView weight,
                                 View y);
/// dx [R, groups * C], overwritten.
void grouped_convolution_backward_input(Queue& queue, ConstView dy, ConstView offsets,
                                        ConstView weight, View dx);
/// dweight += gradient, in accumulator_of(x's type).
void grouped_convolution_backward_weight(Queue& queue, ConstView dy, ConstView x, ConstView offsets,
                                         View dweight);

ACCORD_BACKENDS(void grouped_convolution_forward(Queue& queue, ConstView x, ConstView offsets,
                                                 ConstView weight, View y))
ACCORD_BACKENDS(void grouped_convolution_backward_input(Queue& queue, ConstView dy,
                                                        ConstView offsets, ConstView weight,
                                                        View dx))
ACCORD_BACKENDS(void grouped_convolution_backward_weight(Queue& queue, ConstView dy, ConstView x,
                                                         ConstView offsets, View dweight))

}  // namespace accord
