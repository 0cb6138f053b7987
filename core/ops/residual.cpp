#include "core/ops/residual.hpp"

#include "core/ops/check.hpp"

namespace accord {
namespace {

/// What both directions share: `stream` is x or dx.
void check(char const* op, ConstView branch, ConstView rows, ConstView row_scale, ConstView gamma,
           ConstView stream) {
  Index const m = rows ? rows.size() : stream.rows();
  check_matrix(op, "branch", branch, stream.dtype(), m, stream.columns());
  check_optional(op, "rows", rows, DType::int32, m);
  check_optional(op, "row_scale", row_scale, accumulator_of(stream.dtype()), m);
  check_optional(op, "gamma", gamma, stream.dtype(), stream.columns());
}

}  // namespace

void residual_forward(Queue& queue, ConstView branch, ConstView rows, ConstView row_scale,
                      ConstView gamma, View x) {
  check("residual_forward", branch, rows, row_scale, gamma, x);
  ACCORD_DISPATCH(queue, x.dtype(), residual_forward, branch, rows, row_scale, gamma, x);
}

void residual_backward(Queue& queue, ConstView dx, ConstView branch, ConstView rows,
                       ConstView row_scale, ConstView gamma, View dbranch, View dgamma) {
  char const* const op = "residual_backward";
  check(op, dbranch, rows, row_scale, gamma, dx);
  if (dgamma) {
    check_like(op, "branch", branch, dbranch);
    check_vector(op, "dgamma", dgamma, accumulator_of(dx.dtype()), dx.columns());
  }
  ACCORD_DISPATCH(queue, dx.dtype(), residual_backward, dx, branch, rows, row_scale, gamma, dbranch,
                  dgamma);
}

}  // namespace accord
