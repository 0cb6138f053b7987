#pragma once
// Formats of several files as one input: the files one after another, a line of its own between
// them.

#include <string>
#include <vector>

namespace accord::fuzz {

inline constexpr char const* part_border = "\n--8<--\n";

inline std::string join_parts(std::vector<std::string> const& parts) {
  std::string text;
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i > 0 ? part_border : "") + parts[i];
  return text;
}

/// As many as `count`; what is missing is empty, what is too much belongs to the last.
inline std::vector<std::string> split_parts(std::string text, std::size_t count) {
  std::vector<std::string> parts;
  while (parts.size() + 1 < count) {
    std::size_t const at = text.find(part_border);
    parts.push_back(text.substr(0, at));
    text = at == std::string::npos ? "" : text.substr(at + std::string(part_border).size());
  }
  parts.push_back(text);
  return parts;
}

}  // namespace accord::fuzz
