#include "core/ops/elementwise.hpp"

#include "core/ops/check.hpp"

namespace accord {

void add(Queue& queue, ConstView x, View y) {
  ACCORD_CHECK(x.rows() == y.rows() && x.columns() == y.columns() &&
                   (y.dtype() == x.dtype() || y.dtype() == accumulator_of(x.dtype())),
               "add: x is {} {}, y {} {}", name_of(x.dtype()), to_string(x.shape()),
               name_of(y.dtype()), to_string(y.shape()));
  ACCORD_DISPATCH(queue, x.dtype(), add, x, y);
}

void convert(Queue& queue, ConstView x, View y) {
  check_vector("convert", "x", x, x.dtype(), y.size());
  check_vector("convert", "y", y, y.dtype(), x.size());
  ACCORD_CHECK((x.dtype() == DType::float32 && y.dtype() == DType::bfloat16) ||
                   (x.dtype() == DType::bfloat16 && y.dtype() == DType::float32),
               "convert: from {} to {}", name_of(x.dtype()), name_of(y.dtype()));
  // By the type that has arithmetic on every backend.
  ACCORD_DISPATCH(queue, DType::float32, convert, x, y);
}

void scale(Queue& queue, double factor, View x) {
  ACCORD_DISPATCH(queue, x.dtype(), scale, factor, x);
}

void logit_scale_forward(Queue& queue, ConstView tau, View scale) {
  ACCORD_CHECK(tau.size() == 1, "logit_scale_forward: tau is {}", to_string(tau.shape()));
  check_vector("logit_scale_forward", "scale", scale, accumulator_of(tau.dtype()), 1);
  ACCORD_DISPATCH(queue, tau.dtype(), logit_scale_forward, tau, scale);
}

void logit_scale_backward(Queue& queue, ConstView dscale, ConstView scale, View dtau) {
  char const* const op = "logit_scale_backward";
  check_vector(op, "dscale", dscale, scale.dtype(), 1);
  check_vector(op, "scale", scale, scale.dtype(), 1);
  check_vector(op, "dtau", dtau, scale.dtype(), 1);
  ACCORD_DISPATCH(queue, scale.dtype(), logit_scale_backward, dscale, scale, dtau);
}

}  // namespace accord
