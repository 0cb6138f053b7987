#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// y += x, element by element; y may be accumulator_of(x's type).
void add(Queue& queue, ConstView x, View y);
/// y = x in y's type, rounded to nearest even: float32 to bfloat16 or back; both dense.
void convert(Queue& queue, ConstView x, View y);
/// x *= factor
void scale(Queue& queue, double factor, View x);

/// scale [1] = exp(tau), tau a 0-dim parameter already clamped to [0, ln 100] (quirk Q13: in the
/// accumulator type).
void logit_scale_forward(Queue& queue, ConstView tau, View scale);
/// dtau += dscale * scale
void logit_scale_backward(Queue& queue, ConstView dscale, ConstView scale, View dtau);

ACCORD_BACKENDS(void add(Queue& queue, ConstView x, View y))
ACCORD_BACKENDS(void convert(Queue& queue, ConstView x, View y))
ACCORD_BACKENDS(void scale(Queue& queue, double factor, View x))
ACCORD_BACKENDS(void logit_scale_forward(Queue& queue, ConstView tau, View scale))
ACCORD_BACKENDS(void logit_scale_backward(Queue& queue, ConstView dscale, ConstView scale,
                                          View dtau))

}  // namespace accord
