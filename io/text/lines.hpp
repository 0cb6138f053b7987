#pragma once

#include <algorithm>
#include <string_view>

#include "core/base/dtype.hpp"

namespace accord::io {

/// Calls line(number from 1, text without its end) for each
/// line; "\n" and "\r\n" end lines, and the last may lack one.
template <class Line>
void for_each_line(std::string_view text, Line&& line) {
  for (Index number = 1; !text.empty(); ++number) {
    std::size_t const end = std::min(text.find('\n'), text.size());
    std::string_view one = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.ends_with('\r')) one.remove_suffix(1);
    line(number, one);
  }
}

}  // namespace accord::io
