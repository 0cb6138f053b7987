#pragma once
// Element types. A tensor's type is a run-time property; below the dispatch of an op it is a
// template argument.

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace accord {

using Index = std::int64_t;

enum class DType : std::uint8_t { float64, float32, bfloat16, uint8, int32, int64, uint64 };

constexpr std::size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
    case DType::int64:
    case DType::uint64:
      return 8;
    case DType::float32:
    case DType::int32:
      return 4;
    case DType::bfloat16:
      return 2;
    case DType::uint8:
      return 1;
  }
  return 0;
}

constexpr std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return "float64";
    case DType::float32:
      return "float32";
    case DType::bfloat16:
      return "bfloat16";
    case DType::uint8:
      return "uint8";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::uint64:
      return "uint64";
  }
  return "?";
}

constexpr bool is_floating(DType dtype) { return dtype <= DType::bfloat16; }

/// The type in which sums, statistics, losses and gradients of `dtype` values are held.
constexpr DType accumulator_of(DType dtype) {
  return dtype == DType::float64 ? DType::float64 : DType::float32;
}

/// The upper half of a float32. Host code only moves and converts it; arithmetic is the CUDA
/// backend's.
struct BFloat16 {
  std::uint16_t bits;
};

constexpr float to_float32(BFloat16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// To nearest, ties to even; a NaN stays one.
constexpr BFloat16 to_bfloat16(float x) {
  auto const bits = std::bit_cast<std::uint32_t>(x);
  if (x != x) return {static_cast<std::uint16_t>(bits >> 16 | 0x40)};
  return {static_cast<std::uint16_t>((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bfloat16;
};
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::float64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::float32;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::uint8;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::int32;
};
template <>
struct DTypeOf<std::int64_t> {
  static constexpr DType value = DType::int64;
};
template <>
struct DTypeOf<std::uint64_t> {
  static constexpr DType value = DType::uint64;
};
template <class T>
inline constexpr DType dtype_of = DTypeOf<T>::value;

}  // namespace accord
