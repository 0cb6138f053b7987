#include "io/text/normalise.hpp"

#include <fmt/format.h>
#include <utf8proc.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "io/text/regex.hpp"

namespace accord::io {
namespace {

constexpr std::string_view capital_sigma = "\xce\xa3", final_sigma = "\xcf\x82";

/// Code point at the start of `text` and its length in bytes, or a length < 1 if there is none.
utf8proc_ssize_t decode(std::string_view text, utf8proc_int32_t& code) {
  return utf8proc_iterate(reinterpret_cast<utf8proc_uint8_t const*>(text.data()),
                          static_cast<utf8proc_ssize_t>(text.size()), &code);
}

void append(std::string& out, utf8proc_int32_t code) {
  utf8proc_uint8_t bytes[4];
  auto const length = utf8proc_encode_char(code, bytes);
  out.append(reinterpret_cast<char const*>(bytes), static_cast<std::size_t>(length));
}

/// Python's str.isspace: Unicode white space and the four information separators.
bool is_space(utf8proc_int32_t code) {
  return (code >= 0x09 && code <= 0x0d) || (code >= 0x1c && code <= 0x20) || code == 0x85 ||
         code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
         code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

/// A capital sigma becomes final at the end of a word (Unicode's Final_Sigma): after a cased letter
/// and not before one, letters that do not count for case left aside.
std::string mark_final_sigmas(std::string_view text) {
  static Regex const pattern(
      R"((?=\p{Cased})\P{Case_Ignorable}\p{Case_Ignorable}*+\K\x{3a3}(?!\p{Case_Ignorable}*+\p{Cased}))");
  std::string out;
  std::size_t copied = 0;
  pattern.for_each(text, [&](std::size_t begin, std::size_t end) {
    out.append(text.substr(copied, begin - copied)).append(final_sigma);
    copied = end;
  });
  return out.append(text.substr(copied));
}

/// \pre text is UTF-8
std::string lower(std::string_view text) {
  std::string marked;
  if (text.find(capital_sigma) != std::string_view::npos) {
    marked = mark_final_sigmas(text);
    text = marked;
  }
  std::string out;
  out.reserve(text.size() + 8);
  while (!text.empty()) {
    auto const byte = static_cast<unsigned char>(text[0]);
    if (byte < 0x80) {
      out += static_cast<char>(byte >= 'A' && byte <= 'Z' ? byte + 32 : byte);
      text.remove_prefix(1);
      continue;
    }
    utf8proc_int32_t code = 0;
    text.remove_prefix(static_cast<std::size_t>(decode(text, code)));
    if (code == 0x130)  // the one letter whose lower case is two: i and a dot above
      out += "i\xcc\x87";
    else
      append(out, utf8proc_tolower(code));
  }
  return out;
}

/// \pre text is UTF-8
std::string collapse_spaces(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  std::size_t i = 0;
  while (i < text.size()) {
    std::size_t const begin = i;
    int spaces = 0;
    while (i < text.size()) {
      utf8proc_int32_t code = 0;
      auto const length = static_cast<std::size_t>(decode(text.substr(i), code));
      if (!is_space(code)) {
        if (spaces == 0) i += length;
        break;
      }
      ++spaces;
      i += length;
    }
    if (spaces >= 2 || (spaces == 1 && text[begin] == '\t'))
      out += ' ';
    else
      out.append(text.substr(begin, i - begin));
  }
  return out;
}

/// Where the text stops being UTF-8; its size if it does not.
std::size_t utf8_end(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    if (static_cast<unsigned char>(text[i]) < 0x80) {
      ++i;
      continue;
    }
    utf8proc_int32_t code = 0;
    auto const length = decode(text.substr(i), code);
    if (length < 1) break;
    i += static_cast<std::size_t>(length);
  }
  return i;
}

}  // namespace

bool is_utf8(std::string_view text) { return utf8_end(text) == text.size(); }

void check_utf8(std::string_view text) {
  if (std::size_t const end = utf8_end(text); end < text.size())
    throw DataError(fmt::format("not UTF-8: byte 0x{:02x} at offset {} of {}",
                                static_cast<unsigned char>(text[end]), end, text.size()));
}

std::string normalise(std::string_view text, std::size_t max_words) {
  check_utf8(text);
  std::string const lowered = lower(text);
  std::string_view rest = lowered;
  rest.remove_prefix(std::min(rest.find_first_not_of(",.!?*#:;~"), rest.size()));
  std::string const collapsed = collapse_spaces(rest);
  rest = collapsed;
  rest = rest.substr(0, rest.find_last_not_of('\n') + 1);
  rest.remove_prefix(std::min(rest.find_first_not_of(' '), rest.size()));
  rest = rest.substr(0, rest.find_last_not_of(' ') + 1);
  std::size_t end = 0;
  for (std::size_t words = 0; words < max_words && end < rest.size(); ++words)
    end = std::min(rest.find(' ', end + (words > 0 ? 1 : 0)), rest.size());
  return std::string(rest.substr(0, end));
}

}  // namespace accord::io
