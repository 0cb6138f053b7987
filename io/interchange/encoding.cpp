#include "io/interchange/encoding.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

#include "core/base/check.hpp"

namespace accord::io {
namespace {

constexpr std::array<EncodingNames, 10> encodings = {{
    {Encoding::float64, 8, "float64", "F64", "DoubleStorage"},
    {Encoding::float32, 4, "float32", "F32", "FloatStorage"},
    {Encoding::float16, 2, "float16", "F16", "HalfStorage"},
    {Encoding::bfloat16, 2, "bfloat16", "BF16", "BFloat16Storage"},
    {Encoding::int64, 8, "int64", "I64", "LongStorage"},
    {Encoding::int32, 4, "int32", "I32", "IntStorage"},
    {Encoding::int16, 2, "int16", "I16", "ShortStorage"},
    {Encoding::int8, 1, "int8", "I8", "CharStorage"},
    {Encoding::uint8, 1, "uint8", "U8", "ByteStorage"},
    {Encoding::boolean, 1, "bool", "BOOL", "BoolStorage"},
}};

// Values lie at any byte of a file: they are copied out before they are used as numbers.
template <class To, class From, class Convert>
void convert(std::byte const* in, Index count, std::byte* out, Convert&& to) {
  for (Index i = 0; i < count; ++i) {
    From value;
    std::memcpy(&value, in + i * static_cast<Index>(sizeof(From)), sizeof(From));
    To const converted = to(value);
    std::memcpy(out + i * static_cast<Index>(sizeof(To)), &converted, sizeof(To));
  }
}

/// A floating format of 16 bits: a sign, an exponent, a mantissa.
template <int exponent_bits, int mantissa_bits>
struct Half {
  static constexpr int bias = (1 << (exponent_bits - 1)) - 1;
  static constexpr int least = 1 - bias;  ///< exponent of the smallest normal value
  static constexpr std::uint32_t infinity = ((1u << exponent_bits) - 1) << mantissa_bits;

  static std::uint32_t widen(std::uint16_t bits) {
    std::uint32_t const sign = static_cast<std::uint32_t>(bits >> 15) << 31;
    std::uint32_t const size = bits & 0x7fffu;
    if (size >= infinity)  // infinity, or NaN: the payload moves to the upper bits
      return sign | 0x7f800000u | (size - infinity) << (23 - mantissa_bits);
    if (size >= 1u << mantissa_bits)
      return sign |
             ((size << (23 - mantissa_bits)) + (static_cast<std::uint32_t>(127 - bias) << 23));
    float const subnormal = std::ldexp(static_cast<float>(size), least - mantissa_bits);
    return sign | std::bit_cast<std::uint32_t>(subnormal);
  }

  /// To the nearest, ties to even, in one rounding.
  template <class From>
  static std::uint16_t round(From value, Index& beyond) {
    using Bits = std::conditional_t<sizeof(From) == 8, std::uint64_t, std::uint32_t>;
    using Limits = std::numeric_limits<From>;
    constexpr int digits = Limits::digits - 1;
    constexpr int sign_shift = sizeof(From) * 8 - 1;
    auto const bits = std::bit_cast<Bits>(value);
    Bits const size = bits & ~(Bits{1} << sign_shift), field = size >> digits;
    auto const sign = static_cast<std::uint32_t>(bits >> sign_shift) << 15;
    auto const signed_half = [&](std::uint64_t half) {
      return static_cast<std::uint16_t>(sign | half);
    };
    if (std::isinf(value)) return signed_half(infinity);
    if (std::isnan(value)) {
      Bits const payload = (size & ((Bits{1} << digits) - 1)) >> (digits - mantissa_bits);
      return signed_half(infinity | (payload != 0 ? payload : Bits{1} << (mantissa_bits - 1)));
    }
    Bits const significand = (size & ((Bits{1} << digits) - 1)) | (field ? Bits{1} << digits : 0);
    int const exponent = std::max(static_cast<int>(field), 1) + Limits::min_exponent - 2;
    int const shift = digits - mantissa_bits + std::max(0, least - exponent);
    if (shift > digits + 1) return signed_half(0);  // less than half of the smallest subnormal
    Bits const even = (significand >> shift) & 1;
    Bits const rounded = (significand + ((Bits{1} << (shift - 1)) - 1) + even) >> shift;
    // A mantissa that is rounded up to the next power of two carries into the exponent by itself.
    std::uint64_t const half =
        (static_cast<std::uint64_t>(std::max(exponent, least) - least) << mantissa_bits) + rounded;
    if (half < infinity) return signed_half(half);
    ++beyond;
    return signed_half(infinity);
  }

  template <class From>
  static Index narrow(std::byte const* in, Index count, std::byte* out) {
    Index beyond = 0;
    convert<std::uint16_t, From>(in, count, out, [&](From value) { return round(value, beyond); });
    return beyond;
  }
};
using Float16 = Half<5, 10>;
using Bfloat16 = Half<8, 7>;

}  // namespace

std::span<EncodingNames const> known_encodings() { return encodings; }

EncodingNames const& names_of(Encoding encoding) {
  return encodings[static_cast<std::size_t>(encoding)];
}

void widen(Encoding from, std::byte const* in, Index count, std::byte* out) {
  switch (from) {
    case Encoding::float16:
      return convert<std::uint32_t, std::uint16_t>(in, count, out, Float16::widen);
    case Encoding::bfloat16:
      return convert<std::uint32_t, std::uint16_t>(in, count, out, Bfloat16::widen);
    case Encoding::float32:
    case Encoding::float64:
      std::memcpy(out, in, static_cast<std::size_t>(count) * size_of(from));
      return;
    default:
      throw Error(fmt::format("widen: {} is not a floating type", names_of(from).name));
  }
}

Index narrow(DType from, std::byte const* in, Index count, Encoding to, std::byte* out) {
  bool const wide = from == DType::float64;
  ACCORD_CHECK((wide || from == DType::float32) && is_floating(to), "narrow: {} to {}",
               name_of(from), names_of(to).name);
  Index beyond = 0;
  switch (to) {
    case Encoding::float16:
      return wide ? Float16::narrow<double>(in, count, out)
                  : Float16::narrow<float>(in, count, out);
    case Encoding::bfloat16:
      return wide ? Bfloat16::narrow<double>(in, count, out)
                  : Bfloat16::narrow<float>(in, count, out);
    case Encoding::float32:
      if (!wide) {
        std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(float));
        return 0;
      }
      convert<float, double>(in, count, out, [&](double value) {
        float const narrowed = static_cast<float>(value);
        beyond += std::isinf(narrowed) && !std::isinf(value);
        return narrowed;
      });
      return beyond;
    default:
      if (wide)
        std::memcpy(out, in, static_cast<std::size_t>(count) * sizeof(double));
      else
        convert<double, float>(in, count, out, [](float value) { return double{value}; });
      return 0;
  }
}

}  // namespace accord::io
