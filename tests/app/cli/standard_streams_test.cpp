#include "app/cli/standard_streams.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <sstream>
#include <string>

namespace accord::app {
namespace {

std::string shown(std::string const& text, bool on_terminal = false) {
  std::stringbuf to;
  ShownText filter(to, on_terminal);
  std::ostream out(&filter);
  out << text << std::flush;
  return to.str();
}

TEST(ShownText, PlainTextPasses) {
  std::string const text = "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x90\xa2\nline\n";
  EXPECT_EQ(shown(text), text);
}

TEST(ShownText, WhatControlsATerminalIsSpelledOut) {
  EXPECT_EQ(shown("a\x1b[2Jb\x07"), "a\\x1B[2Jb\\x07");
  EXPECT_EQ(shown("caf\xe9"), "caf\\xE9");
}

TEST(ShownText, AProgressBarMayEraseItsLineOnATerminal) {
  EXPECT_EQ(shown("\r\x1b[Kbar\r\x1b[Kbar", true), "\r\x1b[Kbar\r\x1b[Kbar");
  EXPECT_EQ(shown("\r\x1b[K"), "\\r\\x1B[K");
  EXPECT_EQ(shown("\x1b[K", true), "\\x1B[K");
}

TEST(ShownText, WhatCannotBePassedOnIsAFailure) {
  class Full final : public std::streambuf {
  } full;
  ShownText filter(full, false);
  std::ostream out(&filter);
  out << "text" << std::flush;
  EXPECT_FALSE(out);
}

}  // namespace
}  // namespace accord::app
