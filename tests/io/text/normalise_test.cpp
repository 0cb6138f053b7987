#include "io/text/normalise.hpp"

#include <gmock/gmock.h>

#include "core/base/error.hpp"

using namespace accord;
using namespace accord::io;

TEST(Normalise, FollowsTheExamplesOfTheSpecification) {
  EXPECT_EQ(normalise("  ...Hello\tWorld"), "...hello world");
  EXPECT_EQ(normalise(".,!a"), "a");
  EXPECT_EQ(normalise("\nA\nb\n"), "\na\nb");
  EXPECT_EQ(normalise(",.!?*#:;~Mixed~;:"), "mixed~;:");
  EXPECT_EQ(normalise("!!!"), "");
  EXPECT_EQ(normalise(""), "");
}

TEST(Normalise, CollapsesRunsOfWhiteSpaceAndSingleTabs) {
  EXPECT_EQ(normalise("a  b\t\tc\td\ne\r\nf"), "a b c d\ne f");
  EXPECT_EQ(normalise("a\xc2\xa0"
                      "b"),
            "a\xc2\xa0"
            "b");  // one no-break space stays
  EXPECT_EQ(normalise("a\xe3\x80\x80\xc2\x85"
                      "b"),
            "a b");  // ideographic space, next line
  EXPECT_EQ(normalise("a\x1c\x1f"
                      "b"),
            "a b");  // information separators
  EXPECT_EQ(normalise("a\xe2\x80\x8b\xe2\x80\x8b"
                      "b"),
            "a\xe2\x80\x8b\xe2\x80\x8b"
            "b");  // zero width
}

TEST(Normalise, LowersAsUnicodeSays) {
  EXPECT_EQ(normalise("ÀÉÎ ŁÓDŹ КОШКА ＦＵＬＬ"), "àéî łódź кошка ｆｕｌｌ");
  EXPECT_EQ(normalise("İstanbul"), "i\xcc\x87stanbul");
  EXPECT_EQ(normalise("STRASSE ẞ ǅ"), "strasse ß ǆ");
}

TEST(Normalise, KnowsTheFinalSigma) {
  EXPECT_EQ(normalise("ΗΛΙΟΣ"), "ηλιος");
  EXPECT_EQ(normalise("Σ ΟΣ' ΟΣ.Α"),
            "σ ος' οσ.α");  // alone; before a mark; before a mark and a letter
  EXPECT_EQ(normalise("ΣΣ 1Σ"), "σς 1σ");
}

TEST(Normalise, KeepsTheFirstWords) {
  EXPECT_EQ(normalise("One two  three", 2), "one two");
  EXPECT_EQ(normalise("One two", 5), "one two");
  EXPECT_EQ(normalise("one", 0), "");
}

TEST(Utf8, IsKnown) {
  for (char const* text :
       {"", "plain", "\xC3\xA4", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"})
    EXPECT_TRUE(is_utf8(text)) << text;
  for (char const* text : {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80",
                           "\xF4\x90\x80\x80", "\xF8\x88\x80\x80\x80", "\xC3\x28", "caf\xE9"})
    EXPECT_FALSE(is_utf8(text)) << text;
}

TEST(Normalise, RefusesWhatIsNotUtf8) {
  for (char const* text :
       {"ab\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "caf\xe9", "\xe2\x82"})
    EXPECT_THROW(normalise(text), DataError) << text;
  try {
    check_utf8("ab\xff");
    FAIL();
  } catch (DataError const& error) {
    EXPECT_THAT(error.what(), ::testing::HasSubstr("byte 0xff at offset 2 of 3"));
  }
}
