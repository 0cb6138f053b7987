#include "core/ops/residual_norm.hpp"

#include "core/ops/check.hpp"

namespace accord {
namespace {

/// What both directions share. `stream` is x or dx, `values` the branch's or their gradient, `y`
/// the norm's result or its gradient.
void check(char const* op, ConstView stream, ConstView values, EndingBranch const& branch,
           ConstView y, BranchNorm const& norm, ConstView mean, ConstView rstd) {
  Index const rows = stream.rows(), d = stream.columns();
  DType const dtype = stream.dtype(), sums = accumulator_of(dtype);
  check_matrix(op, "branch", values, dtype, branch.index ? values.rows() : rows, d);
  check_optional(op, "branch.index", branch.index, DType::int32, rows);
  check_optional(op, "branch.row_scale", branch.row_scale, sums, values.rows());
  check_optional(op, "branch.gamma", branch.gamma, dtype, d);
  check_matrix(op, "y", y, dtype, norm.index ? y.rows() : rows, d);
  check_optional(op, "norm.index", norm.index, DType::int32, rows);
  check_optional(op, "norm.weight", norm.weight, dtype, d);
  check_optional(op, "norm.bias", norm.bias, dtype, d);
  check_vector(op, "mean", mean, sums, y.rows());
  check_vector(op, "rstd", rstd, sums, y.rows());
}

}  // namespace

void residual_norm_forward(Queue& queue, ConstView x, EndingBranch const& branch,
                           BranchNorm const& norm, View sum, View y, View mean, View rstd) {
  char const* const op = "residual_norm_forward";
  check(op, x, branch.values, branch, y, norm, mean, rstd);
  check_like(op, "sum", sum, x);
  ACCORD_DISPATCH(queue, x.dtype(), residual_norm_forward, x, branch, norm, sum, y, mean, rstd);
}

void residual_norm_backward(Queue& queue, ConstView dy, ConstView sum, BranchNorm const& norm,
                            ConstView mean, ConstView rstd, EndingBranch const& branch, View dx,
                            View dbranch, ResidualNormGradients const& gradients) {
  char const* const op = "residual_norm_backward";
  DType const sums = accumulator_of(dx.dtype());
  check(op, dx, dbranch, branch, dy, norm, mean, rstd);
  check_like(op, "sum", sum, dx);
  if (gradients.dgamma) check_like(op, "branch.values", branch.values, dbranch);
  check_optional(op, "dweight", gradients.dweight, sums, dx.columns());
  check_optional(op, "dbias", gradients.dbias, sums, dx.columns());
  check_optional(op, "dgamma", gradients.dgamma, sums, dx.columns());
  ACCORD_DISPATCH(queue, dx.dtype(), residual_norm_backward, dy, sum, norm, mean, rstd, branch, dx,
                  dbranch, gradients);
}

}  // namespace accord
