#include "core/base/printable.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace accord {
namespace {

struct CodePoint {
  std::uint32_t value = 0;
  std::size_t bytes = 0;  ///< 0: none begins here
};

/// The code point at the beginning of a text that is not empty.
CodePoint first_code_point(std::string_view text) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char const lead = byte(0);
  if (lead < 0x80) return {lead, 1};
  std::size_t const bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  std::uint32_t value = lead & (0x7F >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return {};
    value = value << 6 | (byte(i) & 0x3F);
  }
  std::uint32_t const least = bytes == 4 ? 0x10000 : bytes == 3 ? 0x800 : 0x80;
  bool const surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < least || value > 0x10FFFF || surrogate) return {};
  return {value, bytes};
}

bool steers(std::uint32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) ||  // C0, DEL, C1
         c == 0x061C || c == 0x200E || c == 0x200F ||
         (c >= 0x202A && c <= 0x202E) ||                 // directions of writing
         (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF ||  // and marks that nobody sees
         c == 0x2028 || c == 0x2029;
}

std::string spelled(std::uint32_t c) {
  switch (c) {
    case '\n':
      return "\\n";
    case '\r':
      return "\\r";
    case '\t':
      return "\\t";
    default:
      return c < 0x80 ? fmt::format("\\x{:02X}", c) : fmt::format("\\u{:04X}", c);
  }
}

std::string printed(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto const [value, bytes] = first_code_point(text);
    if (bytes == 0)
      out += fmt::format("\\x{:02X}", static_cast<unsigned char>(text.front()));
    else if (steers(value) && !(keep_lines && value == '\n'))
      out += spelled(value);
    else
      out += text.substr(0, bytes);
    text.remove_prefix(std::max<std::size_t>(bytes, 1));
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return printed(text, false); }

std::string printable(std::string_view text, std::size_t most) {
  if (text.size() <= most) return printable(text);
  std::size_t end = most;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return fmt::format("{}... ({} bytes)", printable(text.substr(0, end)), text.size());
}

std::string printable_lines(std::string_view text) { return printed(text, true); }

}  // namespace accord
