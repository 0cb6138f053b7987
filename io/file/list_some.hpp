#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace accord::io {

/// For messages: "a, b, c and 5 more".
inline std::string list_some(std::vector<std::string> const& names, std::size_t most = 8) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > most) text += fmt::format(" and {} more", names.size() - most);
  return text;
}

}  // namespace accord::io
