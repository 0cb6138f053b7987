#pragma once
// Little-endian numbers and texts out of bytes that may end anywhere, and into bytes.

#include <fmt/format.h>

#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace accord::io {

/// Reads from the front to the back. \throws DataError naming `what` when the bytes are too few
class ByteReader {
 public:
  ByteReader(std::span<std::byte const> bytes, std::string_view what)
      : bytes_(bytes), what_(what) {}

  std::size_t position() const { return position_; }
  std::size_t left() const { return bytes_.size() - position_; }

  std::span<std::byte const> take(std::uint64_t count) {
    if (count > left())
      throw DataError(fmt::format("{} ends early: {} bytes expected at {}, {} are left", what_,
                                  count, position_, left()));
    std::span<std::byte const> const taken = bytes_.subspan(position_, count);
    position_ += count;
    return taken;
  }
  void skip(std::uint64_t count) { take(count); }
  std::string_view text(std::uint64_t count) {
    std::span<std::byte const> const taken = take(count);
    return {reinterpret_cast<char const*>(taken.data()), taken.size()};
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof(T)).data(), sizeof(T));
    return value;
  }

 private:
  std::span<std::byte const> bytes_;
  std::string_view what_;
  std::size_t position_ = 0;
};

/// Bytes put together from the front to the back.
class ByteWriter {
 public:
  template <class T>
  ByteWriter& number(T value) {
    return text({reinterpret_cast<char const*>(&value), sizeof(T)});
  }
  ByteWriter& text(std::string_view text) {
    bytes_.append(text);
    return *this;
  }
  ByteWriter& zeros(std::size_t count) {
    bytes_.append(count, '\0');
    return *this;
  }
  std::span<std::byte const> bytes() const { return std::as_bytes(std::span(bytes_)); }

 private:
  std::string bytes_;
};

}  // namespace accord::io
