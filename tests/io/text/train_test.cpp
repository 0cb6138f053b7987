#include "io/text/train.hpp"

#include <gmock/gmock.h>

#include <algorithm>

#include "core/base/error.hpp"

using namespace accord;
using namespace accord::io;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

CaptionSource from(std::vector<std::string> const& captions) {
  return [captions, i = std::size_t{0}](std::string& caption) mutable {
    if (i == captions.size()) return false;
    caption = captions[i++];
    return true;
  };
}

std::vector<std::string> const captions = {"Low low low low low", "lower lower",
                                           "newest newest newest newest newest newest",
                                           "widest widest widest"};

}  // namespace

TEST(TrainBpe, JoinsTheMostFrequentPairsFirst) {
  // Counts by hand: e s 9 and s t 9, of which e s has the smaller ids; es t 9; Ġ l, l o and o w 7,
  // smallest l o; then Ġ lo and lo w 7, and the blank is a byte, hence the smaller id.
  VocabularyFiles const files = train_bpe(from(captions), 4 + 256 + 4);
  EXPECT_EQ(files.at("merges.txt"), "#version: 0.2\ne s\nes t\nl o\nĠ lo\n");
}

TEST(TrainBpe, StopsAtTheRowsAskedForOrWhenNoPairRepeats) {
  EXPECT_EQ(Tokenizer::load_from(train_bpe(from(captions), 4 + 256 + 3))->vocabulary(), 263);
  EXPECT_EQ(train_bpe(from({"ab"}), 300).at("merges.txt"), "#version: 0.2\n");
}

TEST(TrainBpe, GivesATokenizerThatReadsAnyText) {
  auto const tokenizer = Tokenizer::load_from(train_bpe(from(captions), 300));
  EXPECT_EQ(tokenizer->encode("newest", 70).size(), 2u);
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("漢字 \"quoted\" \\ 😀", 70)),
            " 漢字 \"quoted\" \\ 😀");
}

TEST(TrainBpe, DoesNotDependOnTheOrderOfCaptions) {
  std::vector<std::string> turned(captions.rbegin(), captions.rend());
  EXPECT_EQ(train_bpe(from(captions), 280), train_bpe(from(turned), 280));
  EXPECT_EQ(train_words(from(captions), 280), train_words(from(turned), 280));
}

TEST(TrainWords, OrdersWordsByFrequencyThenByBytes) {
  VocabularyFiles const files = train_words(from({"The cat, the DOG.", "the cat's dog."}), 100);
  EXPECT_EQ(files.at("words.txt"), "the\n.\ndog\n,\ncat\ncat's\n");
  EXPECT_EQ(train_words(from({"The cat, the DOG.", "the cat's dog."}), 6).at("words.txt"),
            "the\n.\n");
  EXPECT_THAT(Tokenizer::load_from(files)->encode("a cat", 70),
              ElementsAre(SpecialRow::unknown, 8, 2));
}

TEST(Train, RefusesWhatCannotBeLearntFrom) {
  EXPECT_THROW(train_bpe(from(captions), 259), UsageError);
  EXPECT_THROW(train_words(from(captions), 4), UsageError);
  EXPECT_THROW(train_bpe(from({}), 300), DataError);
  EXPECT_THROW(train_words(from({"", " "}), 300), DataError);
  try {
    train_words(from({"fine", "caf\xe9"}), 300);
    FAIL();
  } catch (DataError const& error) {
    EXPECT_THAT(error.what(), HasSubstr("caption 2: not UTF-8"));
  }
}
