#pragma once
// Products of matrices that fit a core's cache, called from inside a parallel region.

#include <cblas.h>

#include "core/base/dtype.hpp"
#include "core/ops/cpu/blas_kernels.hpp"
#include "core/ops/gemm.hpp"

namespace accord::cpu {

/// While it lives, BLAS calls run on the calling thread: the caller's threads are the parallelism.
class SerialBlas {
 public:
  SerialBlas() : threads_(openblas_get_num_threads()) {
    use_best_blas_kernels();
    if (threads_ != 1) openblas_set_num_threads(1);
  }
  SerialBlas(SerialBlas const&) = delete;
  SerialBlas& operator=(SerialBlas const&) = delete;
  ~SerialBlas() {
    if (threads_ != 1) openblas_set_num_threads(threads_);
  }

 private:
  int threads_;
};

/// Row-major elements, `stride` between rows.
template <class T>
struct Block {
  T* data;
  Index stride;
  Block rows(Index begin) const { return {data + begin * stride, stride}; }
};

/// C [m, n] = alpha op(A) op(B) + beta C, op(A) [m, k].
template <class T>
void small_gemm(Transpose ta, Transpose tb, Index m, Index n, Index k, T alpha, Block<T const> a,
                Block<T const> b, T beta, Block<T> c) {
  auto const op = [](Transpose t) { return t == Transpose::yes ? CblasTrans : CblasNoTrans; };
  auto const i = [](Index x) { return static_cast<blasint>(x); };
  if constexpr (sizeof(T) == 4)
    cblas_sgemm(CblasRowMajor, op(ta), op(tb), i(m), i(n), i(k), alpha, a.data, i(a.stride), b.data,
                i(b.stride), beta, c.data, i(c.stride));
  else
    cblas_dgemm(CblasRowMajor, op(ta), op(tb), i(m), i(n), i(k), alpha, a.data, i(a.stride), b.data,
                i(b.stride), beta, c.data, i(c.stride));
}

}  // namespace accord::cpu
