#pragma once
// Base64 as tables hold it: the standard and the URL alphabet, padding optional, blanks and line
// ends anywhere.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace accord::io {

/// Nothing if `text` is not base64.
inline std::optional<std::string> decode_base64(std::string_view text) {
  static constexpr auto values = [] {
    std::array<std::int8_t, 256> table{};
    table.fill(-1);
    std::string_view const alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (std::size_t i = 0; i < 64; ++i)
      table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
    table['-'] = 62;
    table['_'] = 63;
    return table;
  }();
  auto const blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  for (int padding = 0;
       !text.empty() && (blank(text.back()) || (text.back() == '=' && padding < 2));
       text.remove_suffix(1))
    padding += text.back() == '=';
  std::string out;
  out.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  int held = 0;
  for (char const c : text) {
    if (blank(c)) continue;
    std::int8_t const value = values[static_cast<unsigned char>(c)];
    if (value < 0) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out += static_cast<char>(bits >> held & 0xFF);
    }
  }
  if (held == 6) return std::nullopt;  // a letter alone is no byte
  return out;
}

}  // namespace accord::io
