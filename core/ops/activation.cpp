#include "core/ops/activation.hpp"

#include "core/ops/check.hpp"

namespace accord {

void gelu_forward(Queue& queue, ConstView x, View y) {
  check_like("gelu_forward", "y", y, x);
  ACCORD_DISPATCH(queue, x.dtype(), gelu_forward, x, y);
}

void gelu_backward(Queue& queue, ConstView dy, ConstView x, View dx) {
  check_like("gelu_backward", "dy", dy, x);
  check_like("gelu_backward", "dx", dx, x);
  ACCORD_DISPATCH(queue, x.dtype(), gelu_backward, dy, x, dx);
}

void geglu_forward(Queue& queue, ConstView gate_up, View y) {
  check_matrix("geglu_forward", "gate_up", gate_up, y.dtype(), y.rows(), 2 * y.columns());
  ACCORD_DISPATCH(queue, y.dtype(), geglu_forward, gate_up, y);
}

void geglu_backward(Queue& queue, ConstView dy, ConstView gate_up, View dgate_up) {
  check_matrix("geglu_backward", "gate_up", gate_up, dy.dtype(), dy.rows(), 2 * dy.columns());
  check_like("geglu_backward", "dgate_up", dgate_up, gate_up);
  ACCORD_DISPATCH(queue, dy.dtype(), geglu_backward, dy, gate_up, dgate_up);
}

}  // namespace accord
