#include "io/media/tags.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "io/media/byte_order.hpp"

namespace accord::io {
namespace {

constexpr std::size_t id3_header = 10, id3v1_bytes = 128, ape_header = 32;

/// A number of four times seven bits; false if one of the bytes has eight.
bool seven_bit_number(std::span<std::byte const> bytes, std::size_t at, std::size_t& value) {
  value = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    auto const byte = std::to_integer<std::size_t>(bytes[at + i]);
    if (byte >= 0x80) return false;
    value = value << 7 | byte;
  }
  return true;
}

/// Of the ID3v2 tag that begins at `at`, header and footer included; 0: none does.
std::size_t id3v2_bytes(std::span<std::byte const> bytes, std::size_t at) {
  constexpr std::byte footer{0x10};
  std::size_t size = 0;
  if (bytes.size() - at < id3_header || !stands_at(bytes, at, "ID3") ||
      !seven_bit_number(bytes, at + 6, size))
    return 0;
  bool const has_footer = (bytes[at + 5] & footer) != std::byte{0};
  return size + (has_footer ? 2 : 1) * id3_header;
}

/// Of the tag that ends where the bytes do; 0: none does.
std::size_t trailing_tag(std::span<std::byte const> bytes) {
  std::size_t const end = bytes.size();
  if (end >= id3v1_bytes && stands_at(bytes, end - id3v1_bytes, "TAG")) return id3v1_bytes;
  if (end >= ape_header && stands_at(bytes, end - ape_header, "APETAGEX")) {
    std::size_t const body = little_endian<std::uint32_t>(bytes, end - ape_header + 12);
    bool const has_header = little_endian<std::uint32_t>(bytes, end - ape_header + 20) >> 31 != 0;
    return body + (has_header ? ape_header : 0);
  }
  constexpr std::size_t lyrics_end = 9, lyrics_digits = 6;
  if (end >= lyrics_end + lyrics_digits && stands_at(bytes, end - lyrics_end, "LYRICS200")) {
    std::size_t body = 0;
    for (std::size_t i = 0; i < lyrics_digits; ++i) {
      auto const digit =
          std::to_integer<std::size_t>(bytes[end - lyrics_end - lyrics_digits + i]) - '0';
      if (digit > 9) return 0;
      body = 10 * body + digit;
    }
    return body + lyrics_digits + lyrics_end;
  }
  std::size_t size = 0;
  if (end >= id3_header && stands_at(bytes, end - id3_header, "3DI") &&
      seven_bit_number(bytes, end - 4, size))
    return size + 2 * id3_header;
  return 0;
}

}  // namespace

std::size_t leading_tag_bytes(std::span<std::byte const> bytes) {
  std::size_t at = 0;
  for (std::size_t tag; at < bytes.size() && (tag = id3v2_bytes(bytes, at)) > 0;)
    at += std::min(tag, bytes.size() - at);
  return at;
}

std::span<std::byte const> without_trailing_tags(std::span<std::byte const> bytes) {
  for (std::size_t tag; (tag = trailing_tag(bytes)) > 0 && tag <= bytes.size();)
    bytes = bytes.first(bytes.size() - tag);
  return bytes;
}

}  // namespace accord::io
