#pragma once
// Stands in for the header of the same path when kernels are compiled for the emulated device.

#include <cuda_runtime.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

#include "core/base/dtype.hpp"
#include "tests/support/cuda_emulation/emulation.hpp"
#include "tests/support/cuda_emulation/streams.hpp"

#undef __global__
#undef __device__
#undef __shared__
#undef __launch_bounds__
#define __global__
#define __device__
#define __shared__ static thread_local  // the host's thread runs one block at a time
#define __launch_bounds__(...)
#define cudaLaunchKernelEx ::accord::emulation::launch

extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;

inline void __syncthreads() { accord::emulation::synchronize_block(); }
inline void __syncwarp() { accord::emulation::synchronize_warp(); }

namespace accord::emulation {

template <class... Parameters, class... Arguments>
cudaError_t launch(cudaLaunchConfig_t const* config, void (*kernel)(Parameters...),
                   Arguments... arguments) {
  return enqueue(config->stream, [launched = *config, kernel, arguments...] {
    run_grid(launched.gridDim, launched.blockDim, launched.dynamicSmemBytes,
             [&] { kernel(arguments...); });
  });
}

}  // namespace accord::emulation

namespace accord::cuda {

using std::max;
using std::min;

#define ACCORD_UNROLL

inline constexpr int warp_size = 32;

inline unsigned char* dynamic_shared() { return emulation::dynamic_shared(); }

inline float shuffle_xor(float value, int mask) {
  auto const bits = emulation::exchange(std::bit_cast<std::uint32_t>(value), mask);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
}
inline double shuffle_xor(double value, int mask) {
  return std::bit_cast<double>(emulation::exchange(std::bit_cast<std::uint64_t>(value), mask));
}

inline float to_float(float x) { return x; }
inline float to_float(BFloat16 x) { return to_float32(x); }
template <class T>
inline T from_float(float x) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(x);
  else
    return x;
}
inline std::uint32_t pack_bfloat16(float low, float high) {
  return to_bfloat16(low).bits | static_cast<std::uint32_t>(to_bfloat16(high).bits) << 16;
}

inline float low_float(std::uint32_t pair) { return std::bit_cast<float>(pair << 16); }
inline float high_float(std::uint32_t pair) { return std::bit_cast<float>(pair & 0xffff0000u); }

inline float normal_cdf(float x) { return 0.5f * std::erfc(-x / std::numbers::sqrt2_v<float>); }
inline void atomicAdd(float* to, float value) {
  std::atomic_ref(*to).fetch_add(value, std::memory_order_relaxed);
}
inline float rsqrtf(float x) { return 1 / std::sqrt(x); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline float __fsqrt_rn(float x) { return std::sqrt(x); }

// By the definition: the whole a and b of the warp, then this lane's share of the product.
inline void multiply_add(float (&c)[4], std::uint32_t const (&a)[4], std::uint32_t b0,
                         std::uint32_t b1) {
  std::uint32_t const mine[6] = {a[0], a[1], a[2], a[3], b0, b1};
  std::uint32_t const* const all = emulation::gather(mine, 6);
  auto const half = [](std::uint32_t word, int index) {
    return to_float32(BFloat16{static_cast<std::uint16_t>(index ? word >> 16 : word & 0xffff)});
  };
  auto const a_at = [&](int row, int column) {
    int const lane = row % 8 * 4 + column % 8 / 2;
    return half(all[lane * 6 + row / 8 + column / 8 * 2], column % 2);
  };
  auto const b_at = [&](int row, int column) {
    int const lane = column * 4 + row % 8 / 2;
    return half(all[lane * 6 + 4 + row / 8], row % 2);
  };
  int const lane = static_cast<int>(threadIdx.x) % warp_size;
  for (int e = 0; e < 4; ++e)
    for (int k = 0; k < 16; ++k)
      c[e] += a_at(lane / 4 + e / 2 * 8, k) * b_at(k, lane % 4 * 2 + e % 2);
}

// By the definition, from the rows that all lanes name.
inline void load_blocks(std::uint32_t (&words)[4], BFloat16 const* row, bool transposed = false) {
  auto const mine = std::bit_cast<std::array<std::uint32_t, 2>>(row);
  std::uint32_t const* const all = emulation::gather(mine.data(), 2);
  int const lane = static_cast<int>(threadIdx.x) % warp_size, group = lane / 4, pair = lane % 4 * 2;
  auto const bits = [&](int block, int r, int c) -> std::uint32_t {
    std::uint32_t const* const named = all + (8 * block + r) * 2;
    return std::bit_cast<BFloat16 const*>(std::array{named[0], named[1]})[c].bits;
  };
  for (int i = 0; i < 4; ++i)
    words[i] = transposed ? bits(i, pair, group) | bits(i, pair + 1, group) << 16
                          : bits(i, group, pair) | bits(i, group, pair + 1) << 16;
}
inline void load_blocks_transposed(std::uint32_t (&words)[4], BFloat16 const* row) {
  load_blocks(words, row, true);
}

}  // namespace accord::cuda
