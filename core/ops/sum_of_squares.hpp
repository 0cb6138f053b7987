#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// sum += sum_i x[i]^2, squared and summed in double.   x dense   sum [1] float64
/// The order of summation is a function of the size of x alone. NaN and Inf of x reach the sum.
void sum_of_squares(Queue& queue, ConstView x, View sum);

ACCORD_BACKENDS(void sum_of_squares(Queue& queue, ConstView x, View sum))

}  // namespace accord
