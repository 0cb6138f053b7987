#pragma once
// BLAS as the cpu backend uses it: serial. The threads are ours (parallel_for), so that there is
// one pool of them and products may be called from inside a parallel region.

#include "core/base/dtype.hpp"
#include "core/ops/gemm.hpp"

namespace accord::cpu {

/// Row-major elements, `stride` between rows.
template <class T>
struct Block {
  T* data;
  Index stride;
  Block rows(Index begin) const { return {data + begin * stride, stride}; }
};

/// C [m, n] = alpha op(A) op(B) + beta C with op(A) [m, k], on the calling thread. beta = 0 never
/// reads C; an empty extent is allowed. Double and float.
template <class T>
void blas_gemm(Transpose transpose_a, Transpose transpose_b, Index m, Index n, Index k, T alpha,
               Block<T const> a, Block<T const> b, T beta, Block<T> c);

}  // namespace accord::cpu
