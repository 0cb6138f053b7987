#pragma once
// Calls of the CUDA runtime and cuBLASLt, checked. For files that are compiled with CUDA only.

#include <cublasLt.h>
#include <cuda_runtime.h>

#include "core/base/check.hpp"

namespace accord::cuda {

inline void check(cudaError_t code, char const* call, char const* file, int line) {
  if (code != cudaSuccess) [[unlikely]]
    throw Error(fmt::format("{} failed: {}: {} ({}:{})", call, cudaGetErrorName(code),
                            cudaGetErrorString(code), file, line));
}

inline void check(cublasStatus_t code, char const* call, char const* file, int line) {
  if (code != CUBLAS_STATUS_SUCCESS) [[unlikely]]
    throw Error(fmt::format("{} failed: {}: {} ({}:{})", call, cublasLtGetStatusName(code),
                            cublasLtGetStatusString(code), file, line));
}

}  // namespace accord::cuda

/// ACCORD_CUDA(cudaSetDevice(0)) throws "cudaSetDevice(0) failed: cudaErrorNoDevice: no
/// CUDA-capable device is detected (x.cpp:14)"
#define ACCORD_CUDA(call) ::accord::cuda::check((call), #call, __FILE_NAME__, __LINE__)
