#include "app/cli/standard_streams.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/base/printable.hpp"

namespace accord::app {
namespace {

constexpr std::string_view erase_line = "\r\x1b[K";

}  // namespace

bool ShownText::pass_on(std::string_view text) {
  std::string shown;
  for (;;) {
    std::size_t const end = on_terminal_ ? text.find(erase_line) : text.npos;
    shown += printable_lines(text.substr(0, end));
    if (end == text.npos) break;
    shown += erase_line;
    text.remove_prefix(end + erase_line.size());
  }
  auto const count = static_cast<std::streamsize>(shown.size());
  return to_.sputn(shown.data(), count) == count;
}

std::streambuf::int_type ShownText::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  char const one = traits_type::to_char_type(c);
  return pass_on({&one, 1}) ? c : traits_type::eof();
}

std::streamsize ShownText::xsputn(char const* text, std::streamsize count) {
  return pass_on({text, static_cast<std::size_t>(count)}) ? count : 0;
}

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
