#include "core/ops/normalize.hpp"

#include "core/ops/check.hpp"

namespace accord {

void normalize_forward(Queue& queue, ConstView x, View y, View inverse_norm) {
  check_like("normalize_forward", "y", y, x);
  check_vector("normalize_forward", "inverse_norm", inverse_norm, accumulator_of(x.dtype()),
               x.rows());
  ACCORD_DISPATCH(queue, x.dtype(), normalize_forward, x, y, inverse_norm);
}

void normalize_backward(Queue& queue, ConstView dy, ConstView y, ConstView inverse_norm, View dx) {
  char const* const op = "normalize_backward";
  check_matrix(op, "dy", dy, dy.dtype() == y.dtype() ? y.dtype() : accumulator_of(y.dtype()),
               y.rows(), y.columns());
  check_vector(op, "inverse_norm", inverse_norm, accumulator_of(y.dtype()), y.rows());
  check_like(op, "dx", dx, y);
  ACCORD_DISPATCH(queue, y.dtype(), normalize_backward, dy, y, inverse_norm, dx);
}

}  // namespace accord
