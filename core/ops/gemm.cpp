#include "core/ops/gemm.hpp"

#include "core/ops/check.hpp"

namespace accord {

void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b, ConstView b,
          View c, double beta, double alpha, Epilogue const& epilogue) {
  auto const flipped = [](Transpose transpose) { return transpose == Transpose::yes; };
  Index const m = flipped(transpose_a) ? a.columns() : a.rows();
  Index const k = flipped(transpose_a) ? a.rows() : a.columns();
  Index const k_of_b = flipped(transpose_b) ? b.columns() : b.rows();
  Index const n = flipped(transpose_b) ? b.rows() : b.columns();
  ACCORD_CHECK(k == k_of_b && c.rows() == m && c.columns() == n,
               "gemm: A {}{} times B {}{} does not make C {}", to_string(a.shape()),
               flipped(transpose_a) ? "^T" : "", to_string(b.shape()),
               flipped(transpose_b) ? "^T" : "", to_string(c.shape()));
  ACCORD_CHECK(
      a.dtype() == b.dtype() && (c.dtype() == a.dtype() || c.dtype() == accumulator_of(a.dtype())),
      "gemm: A is {}, B {}, C {}", name_of(a.dtype()), name_of(b.dtype()), name_of(c.dtype()));
  ACCORD_CHECK(!epilogue.bias || !epilogue.column_sums, "gemm: a bias and column sums at once");
  if (epilogue.bias) check_vector("gemm", "bias", epilogue.bias, c.dtype(), n);
  if (epilogue.column_sums) {
    check_vector("gemm", "column_sums", epilogue.column_sums, accumulator_of(a.dtype()), m);
    ACCORD_CHECK(flipped(transpose_a) && c.dtype() == accumulator_of(a.dtype()),
                 "gemm: column sums beside a product that is no weight's gradient");
  }
  queue.count_product({m, n, k, transpose_a == Transpose::yes, transpose_b == Transpose::yes});
  ACCORD_DISPATCH(queue, a.dtype(), gemm, transpose_a, a, transpose_b, b, c, beta, alpha, epilogue);
}

}  // namespace accord
