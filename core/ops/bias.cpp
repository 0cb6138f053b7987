#include "core/ops/bias.hpp"

#include "core/ops/check.hpp"

namespace accord {

void bias_forward(Queue& queue, ConstView bias, View y) {
  check_vector("bias_forward", "bias", bias, y.dtype(), y.columns());
  ACCORD_DISPATCH(queue, y.dtype(), bias_forward, bias, y);
}

void bias_backward(Queue& queue, ConstView dy, View dbias) {
  check_vector("bias_backward", "dbias", dbias, accumulator_of(dy.dtype()), dy.columns());
  ACCORD_DISPATCH(queue, dy.dtype(), bias_backward, dy, dbias);
}

}  // namespace accord
