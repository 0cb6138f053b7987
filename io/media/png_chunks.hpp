#pragma once
// The chunks of a PNG, as its structure alone has them.

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace accord::io {

constexpr std::size_t png_signature_bytes = 8, png_colour_type_at = 25;

struct PngChunk {
  std::string_view name;             ///< four letters
  std::span<std::byte const> whole;  ///< length, name, data and check sum
  std::span<std::byte const> data;

  /// Whether the pixels cannot be had without it.
  bool critical() const { return (name.front() & 0x20) == 0; }
  /// Whether the check sum fits.
  bool is_sound() const;
};

/// Up to the end mark, which is the last; bytes behind it are none of the picture. \throws
/// DataError if the data end before it, or something else stands where a chunk should begin
std::vector<PngChunk> png_chunks(std::span<std::byte const> png);

}  // namespace accord::io
