#include "core/ops/geglu_norm.hpp"

#include "core/ops/check.hpp"

namespace accord {

void geglu_norm_forward(Queue& queue, ConstView gate_up, ConstView weight, ConstView bias, View y,
                        View mean, View rstd) {
  char const* const op = "geglu_norm_forward";
  Index const m = y.rows(), f = y.columns();
  DType const dtype = y.dtype(), sums = accumulator_of(dtype);
  check_matrix(op, "gate_up", gate_up, dtype, m, 2 * f);
  check_optional(op, "weight", weight, dtype, f);
  check_optional(op, "bias", bias, dtype, f);
  check_vector(op, "mean", mean, sums, m);
  check_vector(op, "rstd", rstd, sums, m);
  ACCORD_DISPATCH(queue, dtype, geglu_norm_forward, gate_up, weight, bias, y, mean, rstd);
}

void geglu_norm_backward(Queue& queue, ConstView dy, ConstView gate_up, ConstView weight,
                         ConstView mean, ConstView rstd, View dgate_up, View dweight, View dbias) {
  char const* const op = "geglu_norm_backward";
  Index const m = dy.rows(), f = dy.columns();
  DType const dtype = dy.dtype(), sums = accumulator_of(dtype);
  check_matrix(op, "gate_up", gate_up, dtype, m, 2 * f);
  check_optional(op, "weight", weight, dtype, f);
  check_vector(op, "mean", mean, sums, m);
  check_vector(op, "rstd", rstd, sums, m);
  check_like(op, "dgate_up", dgate_up, gate_up);
  check_optional(op, "dweight", dweight, sums, f);
  check_optional(op, "dbias", dbias, sums, f);
  ACCORD_DISPATCH(queue, dtype, geglu_norm_backward, dy, gate_up, weight, mean, rstd, dgate_up,
                  dweight, dbias);
}

}  // namespace accord
