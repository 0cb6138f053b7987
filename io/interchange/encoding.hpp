#pragma once
// How numbers are stored in the files of other programs, and the exact way from and to ours.

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "core/base/dtype.hpp"

namespace accord::io {

enum class Encoding : std::uint8_t {
  float64,
  float32,
  float16,   ///< IEEE 754 binary16
  bfloat16,  ///< the upper half of a float32
  int64,
  int32,
  int16,
  int8,
  uint8,
  boolean,
};

/// What the formats call an encoding.
struct EncodingNames {
  Encoding encoding;
  std::size_t bytes;
  std::string_view name;         ///< as PyTorch says it
  std::string_view safetensors;  ///< "dtype" of a header
  std::string_view torch;        ///< class of a storage in the module torch
};
std::span<EncodingNames const> known_encodings();
EncodingNames const& names_of(Encoding encoding);
inline std::size_t size_of(Encoding encoding) { return names_of(encoding).bytes; }

constexpr bool is_floating(Encoding encoding) { return encoding <= Encoding::bfloat16; }

/// The type that a checkpoint holds such floating values in: each exactly. float64 of float64,
/// float32 of all else.
constexpr DType exact_dtype(Encoding encoding) {
  return encoding == Encoding::float64 ? DType::float64 : DType::float32;
}

/// Writes `count` values stored as the floating `from` as exact_dtype(from). Bits of NaN included:
/// what is widened and narrowed again is the same.
void widen(Encoding from, std::byte const* in, Index count, std::byte* out);

/// Writes `count` values of `from` (float32 or float64) as the floating `to`, rounded to the
/// nearest, ties to even. Returns how many finite values lie beyond the range of `to`.
Index narrow(DType from, std::byte const* in, Index count, Encoding to, std::byte* out);

}  // namespace accord::io
