#pragma once
// Numbers at any byte of a file, in either byte order.

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <span>
#include <string_view>
#include <vector>

namespace accord::io {

static_assert(std::endian::native == std::endian::little);

/// The number at byte `at`, which with its size must lie within `bytes`; so too below.
template <std::unsigned_integral T>
T little_endian(std::span<std::byte const> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

template <std::unsigned_integral T>
T big_endian(std::span<std::byte const> bytes, std::size_t at) {
  T value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i)
    value = static_cast<T>(value << 8 | std::to_integer<T>(bytes[at + i]));
  return value;
}

template <std::unsigned_integral T>
std::vector<std::byte> as_little_endian(T value) {
  std::vector<std::byte> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

template <std::unsigned_integral T>
std::vector<std::byte> as_big_endian(T value) {
  std::vector<std::byte> bytes = as_little_endian(value);
  return {bytes.rbegin(), bytes.rend()};
}

/// Whether `text` stands at byte `at`; false where the bytes end before it does.
inline bool stands_at(std::span<std::byte const> bytes, std::size_t at, std::string_view text) {
  return at <= bytes.size() && bytes.size() - at >= text.size() &&
         std::memcmp(bytes.data() + at, text.data(), text.size()) == 0;
}

}  // namespace accord::io
