#pragma once

#include "core/ops/cuda/intrinsics.cuh"

namespace accord::cuda {

__device__ inline float gelu(float x) { return x * normal_cdf(x); }
/// The derivative at x, where the normal distribution function is `cdf`.
__device__ inline float gelu_derivative(float x, float cdf) {
  constexpr float inverse_sqrt_two_pi = 0.398942280401432678f;
  return cdf + x * inverse_sqrt_two_pi * expf(-0.5f * x * x);
}

}  // namespace accord::cuda
