#include "core/ops/gemm.hpp"

#include <cblas.h>

#include <algorithm>
#include <limits>

#include "core/ops/cpu/blas_kernels.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

blasint blas_int(Index n) {
  ACCORD_CHECK(n <= std::numeric_limits<blasint>::max(), "gemm: an extent of {} exceeds BLAS", n);
  return static_cast<blasint>(n);
}

template <class T>
blasint leading(Matrix<T> const& matrix) {
  return blas_int(std::max(matrix.stride(), matrix.columns()));
}

CBLAS_TRANSPOSE blas_transpose(Transpose transpose) {
  return transpose == Transpose::yes ? CblasTrans : CblasNoTrans;
}

}  // namespace

template <class T>
void gemm(Queue&, Transpose transpose_a, ConstView a_view, Transpose transpose_b, ConstView b_view,
          View c_view, double beta, double alpha) {
  Matrix<T const> const a(a_view), b(b_view);
  Matrix<T> const c(c_view);
  Index const inner = transpose_a == Transpose::yes ? a.rows() : a.columns();
  if (c.rows() == 0 || c.columns() == 0) return;
  if (inner == 0) {  // BLAS rejects the leading dimension 0 that an empty matrix has
    for (Index i = 0; i < c.rows(); ++i)
      for (Index j = 0; j < c.columns(); ++j)
        c[i][j] = beta == 0 ? T{0} : static_cast<T>(beta) * c[i][j];
    return;
  }
  use_best_blas_kernels();
  auto const call = [&](auto function) {
    function(CblasRowMajor, blas_transpose(transpose_a), blas_transpose(transpose_b),
             blas_int(c.rows()), blas_int(c.columns()), blas_int(inner), static_cast<T>(alpha),
             a[0], leading(a), b[0], leading(b), static_cast<T>(beta), c[0], leading(c));
  };
  if constexpr (std::is_same_v<T, double>)
    call(cblas_dgemm);
  else
    call(cblas_sgemm);
}
template void gemm<double>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double,
                           double);
template void gemm<float>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double);

}  // namespace accord::cpu
