#pragma once

#include <fmt/format.h>

#include <charconv>
#include <concepts>
#include <string_view>

#include "core/base/error.hpp"

namespace accord::io {

/// The integer that all of `text` is, in decimal digits. \throws DataError
template <std::integral T>
T integer_in(std::string_view text) {
  T value = 0;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size())
    throw DataError(fmt::format("'{}' where an integer is expected", text));
  return value;
}

}  // namespace accord::io
