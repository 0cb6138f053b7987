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
  std::string const text = "caf\xc3\xa9 \xe4\xb8\xad \xf0\x9f\x90\xa2\ttab\nline\n";
  EXPECT_EQ(shown(text), text);
}

TEST(ShownText, WhatControlsATerminalIsWrittenOut) {
  EXPECT_EQ(shown("a\x1b[2Jb"), "a\\x1b[2Jb");
  EXPECT_EQ(shown("a\rb\x7f\x08"), "a\\x0db\\x7f\\x08");
  EXPECT_EQ(shown(std::string("a\0b", 3)), "a\\x00b");
  EXPECT_EQ(shown("\xc2\x9b"), "\\xc2\\x9b") << "U+009B begins a sequence";
  EXPECT_EQ(shown("\xe2\x80\xae"), "\\xe2\\x80\\xae") << "U+202E turns the text round";
  EXPECT_EQ(shown("\xe2\x81\xa6"), "\\xe2\\x81\\xa6");
}

TEST(ShownText, BytesThatAreNoCharactersAreWrittenOut) {
  EXPECT_EQ(shown("\x9b"
                  "2J"),
            "\\x9b2J");
  EXPECT_EQ(shown("caf\xe9 x"), "caf\\xe9 x");
  EXPECT_EQ(shown("\xf0\x9f"), "\\xf0\\x9f") << "cut short";
}

TEST(ShownText, AProgressBarMayEraseItsLineOnATerminal) {
  EXPECT_EQ(shown("\r\x1b[Kbar", true), "\r\x1b[Kbar");
  EXPECT_EQ(shown("\r\x1b[Kbar"), "\\x0d\\x1b[Kbar");
  EXPECT_EQ(shown("\x1b[K", true), "\\x1b[K");
}

TEST(ShownText, ACharacterMayComeInPieces) {
  std::stringbuf to;
  ShownText filter(to, false);
  std::ostream out(&filter);
  out << '\xe4' << '\xb8' << '\xad' << std::flush;
  EXPECT_EQ(to.str(), "\xe4\xb8\xad");
}

}  // namespace
}  // namespace accord::app
