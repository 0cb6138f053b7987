#include "core/ops/cpu/blas.hpp"

#include <cblas.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <string_view>

// Part of OpenBLAS builds that choose kernels at run time, absent from the others.
extern "C" {
[[gnu::weak]] void gotoblas_dynamic_init();
[[gnu::weak]] void gotoblas_dynamic_quit();
}

namespace accord::cpu {
namespace {

/// Gives OpenBLAS the kernels of this processor where it does not know the model: releases older
/// than a processor fall back to its first ancestor (0.3.21 on a Sapphire Rapids to SSE3, 32
/// GFLOP/s per core in place of 150). An OPENBLAS_CORETYPE in the environment is left to decide.
void choose_kernels() {
#if defined(__x86_64__)
  char const* const variable = "OPENBLAS_CORETYPE";
  // The choice by environment exists in the library alone, so it is made by the environment.
  bool const unknown_model = std::string_view(openblas_get_corename()) == "Prescott";
  if (!unknown_model || std::getenv(variable) || !gotoblas_dynamic_init || !gotoblas_dynamic_quit)
    return;
  bool const avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  bool const avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!avx512 && !avx2) return;
  setenv(variable, avx512 ? "SkylakeX" : "Haswell", 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(variable);
#endif
}

bool prepare() {
  choose_kernels();
  openblas_set_num_threads(1);
  return true;
}

blasint blas_int(Index n) {
  ACCORD_CHECK(n <= std::numeric_limits<blasint>::max(), "gemm: an extent of {} exceeds BLAS", n);
  return static_cast<blasint>(n);
}

}  // namespace

template <class T>
void blas_gemm(Transpose transpose_a, Transpose transpose_b, Index m, Index n, Index k, T alpha,
               Block<T const> a, Block<T const> b, T beta, Block<T> c) {
  [[maybe_unused]] static bool const prepared = prepare();
  if (m == 0 || n == 0) return;
  if (k == 0) {  // BLAS refuses the leading dimension 0 that an empty matrix has
    for (Index i = 0; i < m; ++i)
      for (Index j = 0; j < n; ++j) {
        T& value = c.data[i * c.stride + j];
        value = beta == 0 ? T{0} : beta * value;
      }
    return;
  }
  auto const op = [](Transpose t) { return t == Transpose::yes ? CblasTrans : CblasNoTrans; };
  // The stride of a single row says nothing, yet BLAS wants it to be as long as the row.
  auto const leading = [](Index stride, Index columns) {
    return blas_int(std::max(stride, columns));
  };
  auto const call = [&](auto function) {
    function(CblasRowMajor, op(transpose_a), op(transpose_b), blas_int(m), blas_int(n), blas_int(k),
             alpha, a.data, leading(a.stride, transpose_a == Transpose::yes ? m : k), b.data,
             leading(b.stride, transpose_b == Transpose::yes ? k : n), beta, c.data,
             leading(c.stride, n));
  };
  if constexpr (sizeof(T) == sizeof(double))
    call(cblas_dgemm);
  else
    call(cblas_sgemm);
}
template void blas_gemm<double>(Transpose, Transpose, Index, Index, Index, double,
                                Block<double const>, Block<double const>, double, Block<double>);
template void blas_gemm<float>(Transpose, Transpose, Index, Index, Index, float, Block<float const>,
                               Block<float const>, float, Block<float>);

}  // namespace accord::cpu
