#include "core/base/printable.hpp"

#include <gtest/gtest.h>

namespace accord {
namespace {

TEST(Printable, SpellsOutWhatSteersATerminal) {
  EXPECT_EQ(printable("\x1B]0;title\x07\x1B[2J"), "\\x1B]0;title\\x07\\x1B[2J");
  EXPECT_EQ(printable("\xC2\x9B"
                      "31m\x7F"),
            "\\u009B31m\\x7F");
  EXPECT_EQ(printable("a\nb\rc\td"), "a\\nb\\rc\\td");
  EXPECT_EQ(printable("\xE2\x80\xAE"
                      "gnp.exe"),
            "\\u202Egnp.exe");
  EXPECT_EQ(printable(std::string("\0x", 2)), "\\x00x");
}

TEST(Printable, LeavesTextAsItIs) {
  std::string const text =
      "Gr\xC3\xBC\xC3\x9F"
      "e, \xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\x98\x80";
  EXPECT_EQ(printable(text), text);
  EXPECT_EQ(printable(printable("\x1B[m")), printable("\x1B[m"));
}

TEST(Printable, SpellsOutBytesThatAreNoUtf8) {
  EXPECT_EQ(printable("caf\xE9"), "caf\\xE9");
  EXPECT_EQ(printable("\xED\xA0\xBD"
                      "\xC0\x9B\xF5"),
            "\\xED\\xA0\\xBD\\xC0\\x9B\\xF5");
  EXPECT_EQ(printable("\xF0\x9F\x98"), "\\xF0\\x9F\\x98");
}

TEST(Printable, CutsWhereACharacterEnds) {
  EXPECT_EQ(printable("abc", 3), "abc");
  EXPECT_EQ(printable("abcd", 3), "abc... (4 bytes)");
  EXPECT_EQ(printable("ab\xC3\xBC"
                      "d",
                      3),
            "ab... (5 bytes)");
}

TEST(Printable, KeepsTheLinesOfAMessage) {
  EXPECT_EQ(printable_lines("a\n  b\x1B"), "a\n  b\\x1B");
}

}  // namespace
}  // namespace accord
