#include "io/text/plain_text.hpp"

#include <gtest/gtest.h>

namespace accord::io {
namespace {

using namespace std::string_view_literals;

TEST(PlainText, KnowsOtherEncodings) {
  auto const name = [](std::string_view bytes) {
    char const* encoding = foreign_encoding(bytes);
    return std::string(encoding ? encoding : "none");
  };
  EXPECT_EQ(name("\xFF\xFE"
                 "a\0"sv),
            "UTF-16");
  EXPECT_EQ(name("\xFE\xFF\0a"sv), "UTF-16");
  EXPECT_EQ(name("\xFF\xFE\0\0a\0\0\0"sv), "UTF-32");
  EXPECT_EQ(name("a\0 \0b\0"sv), "UTF-16");
  EXPECT_EQ(name("\0a\0 \0b"sv), "UTF-16");
  EXPECT_EQ(name("\x16\x04\x38\x04 \0a\0b\0c\0"sv), "UTF-16");  // two Cyrillic letters among them
  EXPECT_EQ(name("a\0b"sv), "none");
  EXPECT_EQ(name("plain, long enough"sv), "none");
  EXPECT_EQ(name("\xEF\xBB\xBF"
                 "a"sv),
            "none");
  EXPECT_EQ(name(""sv), "none");
}

TEST(PlainText, LosesItsMarkOnly) {
  EXPECT_EQ(without_mark("\xEF\xBB\xBF"
                         "a\xEF\xBB\xBF"),
            "a\xEF\xBB\xBF");
  EXPECT_EQ(without_mark("a"), "a");
  EXPECT_EQ(without_mark("\xEF\xBB"), "\xEF\xBB");
}

}  // namespace
}  // namespace accord::io
