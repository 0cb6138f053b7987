#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>

namespace accord {

/// For messages: "1, 2, 4". Not fmt::join, whose format parsing makes g++ 12 warn at -O3.
template <class Range>
std::string joined(Range const& items, std::string_view separator = ", ") {
  std::string out;
  bool first = true;
  for (auto const& item : items) {
    if (!first) out += separator;
    first = false;
    out += fmt::format("{}", item);
  }
  return out;
}

}  // namespace accord
