#include "app/cli/standard_streams.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace accord::app {
namespace {

constexpr std::string_view erase_line = "\r\x1b[K";

/// Bytes of the UTF-8 character that `lead` begins; 0 if it begins none.
std::size_t length_of_character(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xc2 && lead <= 0xdf) return 2;
  if (lead >= 0xe0 && lead <= 0xef) return 3;
  if (lead >= 0xf0 && lead <= 0xf4) return 4;
  return 0;
}

/// Whether a whole character shows something, or lays out text as its place in the text says.
bool is_harmless(std::string_view character) {
  auto const byte = [&](std::size_t i) { return static_cast<unsigned char>(character[i]); };
  if (character.size() == 1)
    return (byte(0) >= 0x20 && byte(0) != 0x7f) || byte(0) == '\n' || byte(0) == '\t';
  if (character.size() == 2) return byte(0) != 0xc2 || byte(1) >= 0xa0;  // U+0080 to U+009F
  if (character.size() == 3 && byte(0) == 0xe2)  // U+202A to U+202E, U+2066 to U+2069
    return !(byte(1) == 0x80 && byte(2) >= 0xaa && byte(2) <= 0xae) &&
           !(byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
  return true;
}

}  // namespace

bool ShownText::pass_on(std::string_view more, bool last) {
  held_ += more;
  std::string_view const text = held_;
  std::string shown;
  std::size_t at = 0;
  while (at < text.size()) {
    if (on_terminal_ && text.substr(at).starts_with(erase_line)) {
      shown += erase_line;
      at += erase_line.size();
      continue;
    }
    std::size_t const length = length_of_character(static_cast<unsigned char>(text[at]));
    std::string_view const character = text.substr(at, length);
    std::size_t good = length > 0;  // bytes that belong together
    while (good < character.size() && (character[good] & 0xc0) == 0x80) ++good;
    if (good < length && at + good == text.size() && !last) break;
    if (good == length && length > 0 && is_harmless(character)) {
      shown += character;
      at += length;
      continue;
    }
    std::size_t const bad = good == length && length > 0 ? length : 1;
    for (std::size_t const end = at + bad; at < end; ++at)
      shown += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[at]));
  }
  held_.erase(0, at);
  auto const count = static_cast<std::streamsize>(shown.size());
  return to_.sputn(shown.data(), count) == count;
}

std::streambuf::int_type ShownText::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  char const one = traits_type::to_char_type(c);
  return pass_on({&one, 1}, false) ? c : traits_type::eof();
}

std::streamsize ShownText::xsputn(char const* text, std::streamsize count) {
  return pass_on({text, static_cast<std::size_t>(count)}, false) ? count : 0;
}

int ShownText::sync() { return pass_on({}, true) ? to_.pubsync() : -1; }

StandardStreams::StandardStreams()
    : out_(*std::cout.rdbuf(), isatty(STDOUT_FILENO) != 0),
      err_(*std::cerr.rdbuf(), isatty(STDERR_FILENO) != 0),
      plain_out_(std::cout.rdbuf(&out_)),
      plain_err_(std::cerr.rdbuf(&err_)) {}

StandardStreams::~StandardStreams() {
  std::cout.flush();
  std::cerr.flush();
  std::cout.rdbuf(plain_out_);
  std::cerr.rdbuf(plain_err_);
}

void StandardStreams::finish() {
  errno = 0;
  std::cout.flush();
  if (std::cout) return;
  int const error = errno;
  throw IoError(fmt::format("standard output: not all results could be written{}{}",
                            error == 0 ? "" : ": ", error == 0 ? "" : std::strerror(error)));
}

}  // namespace accord::app
