#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// y[i, :] += bias      y [rows, n], rows may be strided   bias [n]
void bias_forward(Queue& queue, ConstView bias, View y);
/// dbias += sum over rows of dy, accumulated in accumulator_of(dtype)   dy [rows, n]   dbias [n]
void bias_backward(Queue& queue, ConstView dy, View dbias);
ACCORD_BACKENDS(void bias_forward(Queue& queue, ConstView bias, View y))
ACCORD_BACKENDS(void bias_backward(Queue& queue, ConstView dy, View dbias))

}  // namespace accord
