#include "core/ops/cpu/blas_kernels.hpp"

#include <cblas.h>

#include <cstdlib>
#include <string_view>

// Part of OpenBLAS builds that choose kernels at run time, absent from the others.
extern "C" {
[[gnu::weak]] void gotoblas_dynamic_init();
[[gnu::weak]] void gotoblas_dynamic_quit();
}

namespace accord::cpu {
namespace {

bool choose() {
#if defined(__x86_64__)
  char const* const variable = "OPENBLAS_CORETYPE";
  // The choice by environment exists in the library alone, so it is made by the environment.
  bool const unknown_model = std::string_view(openblas_get_corename()) == "Prescott";
  if (!unknown_model || std::getenv(variable) || !gotoblas_dynamic_init || !gotoblas_dynamic_quit)
    return false;
  bool const avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  bool const avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (!avx512 && !avx2) return false;
  setenv(variable, avx512 ? "SkylakeX" : "Haswell", 1);
  gotoblas_dynamic_quit();
  gotoblas_dynamic_init();
  unsetenv(variable);
  return true;
#else
  return false;
#endif
}

}  // namespace

void use_best_blas_kernels() { [[maybe_unused]] static bool const chosen = choose(); }

}  // namespace accord::cpu
