#include "core/ops/layer_norm.hpp"

#include "core/ops/check.hpp"

namespace accord {

void layer_norm_forward(Queue& queue, ConstView x, ConstView rows, ConstView weight, ConstView bias,
                        View y, View mean, View rstd) {
  char const* const op = "layer_norm_forward";
  Index const m = rows ? rows.size() : x.rows(), n = x.columns();
  DType const dtype = x.dtype(), sums = accumulator_of(dtype);
  check_optional(op, "rows", rows, DType::int32, m);
  check_optional(op, "weight", weight, dtype, n);
  check_optional(op, "bias", bias, dtype, n);
  check_matrix(op, "y", y, dtype, m, n);
  check_vector(op, "mean", mean, sums, m);
  check_vector(op, "rstd", rstd, sums, m);
  ACCORD_DISPATCH(queue, dtype, layer_norm_forward, x, rows, weight, bias, y, mean, rstd);
}

void layer_norm_backward(Queue& queue, ConstView dy, ConstView x, ConstView rows, ConstView weight,
                         ConstView mean, ConstView rstd, Write write, View dx, View dweight,
                         View dbias) {
  char const* const op = "layer_norm_backward";
  Index const m = rows ? rows.size() : x.rows(), n = x.columns();
  DType const dtype = x.dtype(), sums = accumulator_of(dtype);
  ACCORD_CHECK(!rows || write == Write::accumulate,
               "{}: a row list leaves other rows of dx as they are, so it must accumulate", op);
  check_matrix(op, "dy", dy, dtype, m, n);
  check_optional(op, "rows", rows, DType::int32, m);
  check_optional(op, "weight", weight, dtype, n);
  check_vector(op, "mean", mean, sums, m);
  check_vector(op, "rstd", rstd, sums, m);
  check_like(op, "dx", dx, x);
  check_optional(op, "dweight", dweight, sums, n);
  check_optional(op, "dbias", dbias, sums, n);
  ACCORD_DISPATCH(queue, dtype, layer_norm_backward, dy, x, rows, weight, mean, rstd, write, dx,
                  dweight, dbias);
}

void row_sum(Queue& queue, ConstView x, View sum) {
  check_vector("row_sum", "sum", sum, accumulator_of(x.dtype()), x.rows());
  ACCORD_DISPATCH(queue, x.dtype(), row_sum, x, sum);
}

void row_centred_squares(Queue& queue, ConstView x, ConstView sum, Index width, View squares) {
  char const* const op = "row_centred_squares";
  check_vector(op, "sum", sum, accumulator_of(x.dtype()), x.rows());
  check_vector(op, "squares", squares, accumulator_of(x.dtype()), x.rows());
  ACCORD_CHECK(width >= x.columns(), "{}: {} columns of {}", op, x.columns(), width);
  ACCORD_DISPATCH(queue, x.dtype(), row_centred_squares, x, sum, width, squares);
}

void layer_norm_apply(Queue& queue, ConstView x, ConstView sum, ConstView squares, Index width,
                      ConstView weight, ConstView bias, View y, View mean, View rstd) {
  char const* const op = "layer_norm_apply";
  Index const m = x.rows(), n = x.columns();
  DType const dtype = x.dtype(), sums = accumulator_of(dtype);
  check_vector(op, "sum", sum, sums, m);
  check_vector(op, "squares", squares, sums, m);
  ACCORD_CHECK(width >= n, "{}: {} columns of {}", op, n, width);
  check_optional(op, "weight", weight, dtype, n);
  check_optional(op, "bias", bias, dtype, n);
  check_like(op, "y", y, x);
  check_vector(op, "mean", mean, sums, m);
  check_vector(op, "rstd", rstd, sums, m);
  ACCORD_DISPATCH(queue, dtype, layer_norm_apply, x, sum, squares, width, weight, bias, y, mean,
                  rstd);
}

void layer_norm_backward_sums(Queue& queue, ConstView dy, ConstView x, ConstView weight,
                              ConstView mean, ConstView rstd, View sums, View dweight, View dbias) {
  char const* const op = "layer_norm_backward_sums";
  Index const m = x.rows(), n = x.columns();
  DType const dtype = x.dtype(), accumulator = accumulator_of(dtype);
  check_like(op, "dy", dy, x);
  check_optional(op, "weight", weight, dtype, n);
  check_vector(op, "mean", mean, accumulator, m);
  check_vector(op, "rstd", rstd, accumulator, m);
  check_vector(op, "sums", sums, accumulator, 2 * m);
  check_optional(op, "dweight", dweight, accumulator, n);
  check_optional(op, "dbias", dbias, accumulator, n);
  ACCORD_DISPATCH(queue, dtype, layer_norm_backward_sums, dy, x, weight, mean, rstd, sums, dweight,
                  dbias);
}

void layer_norm_backward_apply(Queue& queue, ConstView dy, ConstView x, ConstView weight,
                               ConstView mean, ConstView rstd, ConstView sums, Index width,
                               View dx) {
  char const* const op = "layer_norm_backward_apply";
  Index const m = x.rows(), n = x.columns();
  DType const dtype = x.dtype(), accumulator = accumulator_of(dtype);
  check_like(op, "dy", dy, x);
  check_optional(op, "weight", weight, dtype, n);
  check_vector(op, "mean", mean, accumulator, m);
  check_vector(op, "rstd", rstd, accumulator, m);
  check_vector(op, "sums", sums, accumulator, 2 * m);
  ACCORD_CHECK(width >= n, "{}: {} columns of {}", op, n, width);
  check_like(op, "dx", dx, x);
  ACCORD_DISPATCH(queue, dtype, layer_norm_backward_apply, dy, x, weight, mean, rstd, sums, width,
                  dx);
}

}  // namespace accord
