#pragma once
// What kernels take from the CUDA language beyond C++, in one place: coordinates, barriers and
// shared memory are used as the language spells them; the rest has a name here.

#include <cuda_bf16.h>
#include <cuda_runtime.h>

#include <cstdint>

#include "core/base/dtype.hpp"

namespace accord::cuda {

/// Before a loop over elements of an array in registers: an index that is not a constant would put
/// the array into memory.
#define ACCORD_UNROLL _Pragma("unroll")

inline constexpr int warp_size = 32;

/// The block's shared memory whose size the launch gave, 16-byte aligned.
__device__ inline unsigned char* dynamic_shared() {
  extern __shared__ __align__(16) unsigned char bytes[];
  return bytes;
}

/// The value that lane `lane ^ mask` of the warp holds. All lanes take part.
__device__ inline float shuffle_xor(float value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}
__device__ inline double shuffle_xor(double value, int mask) {
  return __shfl_xor_sync(0xffffffffu, value, mask);
}

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(BFloat16 x) {
  return __uint_as_float(static_cast<unsigned>(x.bits) << 16);
}
/// Rounded to nearest even.
template <class T>
__device__ inline T from_float(float x);
template <>
__device__ inline float from_float<float>(float x) {
  return x;
}
template <>
__device__ inline BFloat16 from_float<BFloat16>(float x) {
  return {__bfloat16_as_ushort(__float2bfloat16_rn(x))};
}
/// Two values rounded to bfloat16, the first in the lower half.
__device__ inline std::uint32_t pack_bfloat16(float low, float high) {
  __nv_bfloat162 const pair = __floats2bfloat162_rn(low, high);
  return static_cast<std::uint32_t>(__bfloat16_as_ushort(pair.x)) |
         static_cast<std::uint32_t>(__bfloat16_as_ushort(pair.y)) << 16;
}

/// What pack_bfloat16 packed.
__device__ inline float low_float(std::uint32_t pair) { return __uint_as_float(pair << 16); }
__device__ inline float high_float(std::uint32_t pair) {
  return __uint_as_float(pair & 0xffff0000u);
}

/// Phi(x), the standard normal distribution function.
__device__ inline float normal_cdf(float x) { return normcdff(x); }

/// c += a b on a warp's tensor core: a [16, 16], b [16, 8] bfloat16, c [16, 8] float32. With lane =
/// 4 * group + member, a pair of neighbours in each word: a = (group, 2 member), (group + 8, 2
/// member), (group, 2 member + 8), (group + 8, 2 member + 8), pairs along the row; b0 = (2 member,
/// group), b1 = (2 member + 8, group), pairs along the column; c = (group, 2 member), (group, 2
/// member + 1), then the same of row group + 8. (PTX ISA, mma.m16n8k16)
__device__ inline void multiply_add(float (&c)[4], std::uint32_t const (&a)[4], std::uint32_t b0,
                                    std::uint32_t b1) {
  asm volatile(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, "
      "{%8, %9}, {%0, %1, %2, %3};"
      : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

/// Four 8 x 8 blocks of 2-byte elements from shared memory: lane 8 i + r names row r of block i, 16
/// aligned bytes. Word i of a lane is the pair (group, 2 member), (group, 2 member + 1) of block i;
/// transposed, the pair (2 member, group), (2 member + 1, group). (PTX ISA, ldmatrix)
__device__ inline void load_blocks(std::uint32_t (&words)[4], BFloat16 const* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
}
__device__ inline void load_blocks_transposed(std::uint32_t (&words)[4], BFloat16 const* row) {
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
               : "r"(static_cast<std::uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
}

}  // namespace accord::cuda
