#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// Least norm that is divided by.
inline constexpr double normalize_epsilon = 1e-12;

/// y = x / max(||x||, 1e-12) per row; inverse_norm [rows] = 1 / max(||x||, 1e-12) kept for
/// backward. y may be x.
void normalize_forward(Queue& queue, ConstView x, View y, View inverse_norm);
/// dx = inverse_norm * (dy - y (y . dy)), overwritten; may be dy. dy may be accumulator_of(y's
/// type). (Below the clamp the norm is a constant: dx = 1e12 dy.)
void normalize_backward(Queue& queue, ConstView dy, ConstView y, ConstView inverse_norm, View dx);

ACCORD_BACKENDS(void normalize_forward(Queue& queue, ConstView x, View y, View inverse_norm))
ACCORD_BACKENDS(void normalize_backward(Queue& queue, ConstView dy, ConstView y,
                                        ConstView inverse_norm, View dx))

}  // namespace accord
