#pragma once

#include <fmt/core.h>

#include <concepts>
#include <nlohmann/json.hpp>

#include "core/base/error.hpp"

namespace accord::io {

/// The integer that `value` is. \throws DataError for fractions and exponents, which the library
/// would convert, undefined where they do not fit, and for negative numbers where T has none
template <std::integral T, class Json>
T json_integer(Json const& value) {
  if (std::unsigned_integral<T> ? !value.is_number_unsigned() : !value.is_number_integer())
    throw DataError(fmt::format("{} where an integer is expected", value.dump()));
  return value.template get<T>();
}

}  // namespace accord::io
