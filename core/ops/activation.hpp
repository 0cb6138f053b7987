#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// y = x Phi(x), the exact erf form (docs/model.md 0).   x, y of one shape; y may be x.
void gelu_forward(Queue& queue, ConstView x, View y);
/// dx = dy gelu'(x), overwritten; dx may be dy.
void gelu_backward(Queue& queue, ConstView dy, ConstView x, View dx);

/// y = gelu(gate) * up      gate_up [rows, 2 f]: columns [0, f) gate (wi_0), [f, 2f) up (wi_1)   y
/// [rows, f]
void geglu_forward(Queue& queue, ConstView gate_up, View y);
/// Overwrites dgate_up [rows, 2 f]; it may be gate_up itself.   dy [rows, f]
void geglu_backward(Queue& queue, ConstView dy, ConstView gate_up, View dgate_up);

ACCORD_BACKENDS(void gelu_forward(Queue& queue, ConstView x, View y))
ACCORD_BACKENDS(void gelu_backward(Queue& queue, ConstView dy, ConstView x, View dx))
ACCORD_BACKENDS(void geglu_forward(Queue& queue, ConstView gate_up, View y))
ACCORD_BACKENDS(void geglu_backward(Queue& queue, ConstView dy, ConstView gate_up, View dgate_up))

}  // namespace accord
