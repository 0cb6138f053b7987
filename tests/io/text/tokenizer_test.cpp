#include "io/text/tokenizer.hpp"

#include <gmock/gmock.h>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/text/bpe.hpp"
#include "io/text/words.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

using Rows = std::vector<std::int32_t>;

/// A vocabulary of the 256 bytes, then the results of `merges`, each given as spelled in the file.
VocabularyFiles bpe_files(std::vector<std::pair<std::string, std::string>> const& merges) {
  ByteAlphabet const alphabet;
  std::string vocabulary = "{", list = "#version: 0.2\n";
  int id = 0;
  auto const add = [&](std::string const& token) {
    std::string const quoted = token == "\"" || token == "\\" ? "\\" + token : token;
    vocabulary += (id ? ", \"" : "\"") + quoted + "\": " + std::to_string(id);
    ++id;
  };
  for (std::uint8_t const byte : alphabet.order())
    add(alphabet.spell(std::string(1, static_cast<char>(byte))));
  std::map<std::string, bool> known;
  for (auto const& [left, right] : merges) {
    if (!std::exchange(known[left + right], true)) add(left + right);
    list += left + " " + right + "\n";
  }
  return {{"vocab.json", vocabulary + "}"}, {"merges.txt", list}};
}

std::vector<std::string> pieces(Regex const& pattern, std::string const& text) {
  std::vector<std::string> found;
  pattern.for_each(text, [&](std::size_t begin, std::size_t end) {
    found.push_back(text.substr(begin, end - begin));
  });
  return found;
}

std::string load_message(VocabularyFiles const& files) {
  try {
    Tokenizer::load_from(files);
  } catch (DataError const& error) {
    return error.what();
  }
  return "no DataError";
}

/// Row of a byte of bpe_files: ids follow the alphabet's order.
std::int32_t row_of_byte(char byte) {
  ByteAlphabet const alphabet;
  auto const& order = alphabet.order();
  return SpecialRow::count +
         static_cast<std::int32_t>(std::ranges::find(order, static_cast<std::uint8_t>(byte)) -
                                   order.begin());
}

constexpr std::int32_t first_merged = SpecialRow::count + 256;

}  // namespace

TEST(ByteTokenizer, GivesEachByteItsRow) {
  auto const tokenizer = Tokenizer::load("bytes");
  EXPECT_EQ(tokenizer->vocabulary(), 260);
  EXPECT_THAT(tokenizer->encode("Hé", 200), ElementsAre(4 + 32, 4 + 'h', 4 + 0xc3, 4 + 0xa9, 2));
  EXPECT_THAT(tokenizer->encode("abcdef", 3), ElementsAre(4 + 32, 4 + 'a', 4 + 'b', 2));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("a dog", 200)), " a dog");
  EXPECT_TRUE(tokenizer->word_start(4 + 32));
  EXPECT_TRUE(tokenizer->word_start(3));
  EXPECT_FALSE(tokenizer->word_start(4 + 'a'));
}

TEST(BpePieces, CutAsGpt2Does) {
  EXPECT_THAT(pieces(bpe_pieces(), " it's  12 dogs!? x\n"),
              ElementsAre(" it", "'s", " ", " 12", " dogs", "!?", " x", "\n"));
  EXPECT_THAT(pieces(bpe_pieces(), "a1é漢😀½"), ElementsAre("a", "1", "é漢", "😀", "½"));
  // U+180E is no white space, U+00A0 is
  EXPECT_THAT(pieces(bpe_pieces(),
                     "a\xe1\xa0\x8e\xc2\xa0"
                     "b"),
              ElementsAre("a", "\xe1\xa0\x8e", "\xc2\xa0", "b"));
}

TEST(ByteAlphabet, SpellsEveryByteAndReadsItBack) {
  ByteAlphabet const alphabet;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  std::string back;
  EXPECT_TRUE(alphabet.read(alphabet.spell(all), back));
  EXPECT_EQ(back, all);
  EXPECT_EQ(alphabet.spell(" \n!"), "ĠĊ!");
  EXPECT_FALSE(alphabet.read("漢", back));
  EXPECT_FALSE(alphabet.read(" ", back));
}

TEST(BpeTokenizer, JoinsThePairLearntEarliest) {
  auto const tokenizer =
      Tokenizer::load_from(bpe_files({{"b", "c"}, {"a", "b"}, {"Ġ", "a"}, {"Ġa", "bc"}}));
  EXPECT_EQ(tokenizer->vocabulary(), 264);
  EXPECT_THAT(tokenizer->encode("abc ab", 70),
              ElementsAre(first_merged + 3, row_of_byte(' '), first_merged + 1, 2));
  EXPECT_EQ(tokenizer->decode(tokenizer->encode("abc ab", 70)), " abc ab");
  EXPECT_TRUE(tokenizer->word_start(first_merged + 3));
  EXPECT_FALSE(tokenizer->word_start(first_merged + 1));
}

TEST(BpeTokenizer, JoinsAllOccurrencesOfAPairBeforeAnother) {
  // "xyxy": y x is learnt later than x y, so both x y are joined; "aaa" is joined from the left.
  auto const tokenizer = Tokenizer::load_from(bpe_files({{"a", "a"}, {"x", "y"}, {"y", "x"}}));
  EXPECT_THAT(tokenizer->rows("xyxy"), ElementsAre(first_merged + 1, first_merged + 1));
  EXPECT_THAT(tokenizer->rows("aaa"), ElementsAre(first_merged, row_of_byte('a')));
  // "xyz" can be made in two ways; (xyz, x) was learnt
  // before (x, yz), yet both x yz are joined first.
  auto const other = Tokenizer::load_from(
      bpe_files({{"y", "z"}, {"x", "y"}, {"xy", "z"}, {"xyz", "x"}, {"x", "yz"}}));
  EXPECT_THAT(other->rows("xyzxyz"), ElementsAre(first_merged + 2, first_merged + 2));
}

TEST(BpeTokenizer, AgreesWithItselfOnLongAndRepeatedPieces) {
  auto const tokenizer = Tokenizer::load_from(bpe_files({{"a", "b"}, {"ab", "ab"}}));
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "ab";
  EXPECT_EQ(tokenizer->rows(text), Rows(500, first_merged + 1));
  EXPECT_EQ(tokenizer->rows(text), Rows(500, first_merged + 1));
  // another tokenizer on the same thread must not see what the first remembered
  auto const plain = Tokenizer::load_from(bpe_files({{"b", "a"}}));
  EXPECT_THAT(tokenizer->rows("ab"), ElementsAre(first_merged));
  EXPECT_THAT(plain->rows("ab"), ElementsAre(row_of_byte('a'), row_of_byte('b')));
}

TEST(BpeTokenizer, NumbersItsRowsByTheDictionary) {
  VocabularyFiles files = bpe_files({{"a", "b"}});
  files["dict.txt"] = "256 17\n" + std::to_string(row_of_byte('c') - 4) + " 5\nmadeupword0000 0\n";
  auto const tokenizer = Tokenizer::load_from(files);
  EXPECT_EQ(tokenizer->vocabulary(), 7);
  EXPECT_THAT(tokenizer->rows("abcd"), ElementsAre(4, 5, SpecialRow::unknown));
  EXPECT_EQ(tokenizer->decode({4, 5, 6, 3}), "abc <unk>");
  EXPECT_TRUE(tokenizer->word_start(6));
  EXPECT_FALSE(tokenizer->word_start(4));
}

TEST(BpeTokenizer, RefusesFilesThatContradictThemselves) {
  VocabularyFiles const good = bpe_files({{"a", "b"}});
  EXPECT_EQ(load_message(good), "no DataError");
  auto const with = [&](std::string const& name, std::string const& content) {
    VocabularyFiles files = good;
    files[name] = content;
    return load_message(files);
  };
  EXPECT_THAT(with("vocab.json", "{\"a\": "), HasSubstr("vocab.json"));
  EXPECT_THAT(with("vocab.json", "[1]"), HasSubstr("expected an object"));
  EXPECT_THAT(with("vocab.json", "{\"a\": 0, \"b\": 0}"), HasSubstr("id 0 is given twice"));
  EXPECT_THAT(with("vocab.json", "{\"a\": -1}"), HasSubstr("the id of \"a\" is -1"));
  EXPECT_THAT(with("vocab.json", "{\"a\": 0}"), HasSubstr("no token for byte 0"));
  EXPECT_THAT(with("merges.txt", "a\n"), HasSubstr("line 1 is \"a\""));
  EXPECT_THAT(with("merges.txt", "#version: 0.2\nb a\n"), HasSubstr("line 2 joins \"b a\""));
  EXPECT_THAT(with("dict.txt", "900 1\n"), HasSubstr("id 900"));
  EXPECT_THAT(with("dict.txt", "1 1\n1 1\n"), HasSubstr("line 2 repeats id 1"));
}

TEST(WordTokenizer, FindsWordsAndMarks) {
  EXPECT_THAT(
      pieces(words_and_marks(), " the dog's owner, café-bar 4k… 'x'"),
      ElementsAre("the", "dog's", "owner", ",", "café", "-", "bar", "4k", "…", "'", "x", "'"));
  auto const tokenizer = Tokenizer::load_from({{"words.txt", "a\ndog\n!\n"}});
  EXPECT_EQ(tokenizer->vocabulary(), 7);
  EXPECT_THAT(tokenizer->encode("A  Dog barks!", 70), ElementsAre(4, 5, SpecialRow::unknown, 6, 2));
  EXPECT_THAT(tokenizer->encode("", 70), ElementsAre(SpecialRow::unknown, 2));
  EXPECT_EQ(tokenizer->decode({4, 5, 3, 6, 2}), " a dog <unk> !");
  EXPECT_TRUE(tokenizer->word_start(6));
}

TEST(Tokenizer, PassesOverByteOrderMarksInItsFiles) {
  std::string const mark = "\xEF\xBB\xBF";
  EXPECT_THAT(Tokenizer::load_from({{"words.txt", mark + "a\n"}})->rows("a"), ElementsAre(4));
  VocabularyFiles files = bpe_files({{"a", "b"}});
  files["dict.txt"] = "256 1\n97 1\n98 1\n";
  Rows const rows = Tokenizer::load_from(files)->rows("ab");
  EXPECT_EQ(rows.size(), 1u);
  for (auto& [name, content] : files) content = mark + content;
  EXPECT_EQ(Tokenizer::load_from(files)->rows("ab"), rows);
  EXPECT_THAT(load_message({{"words.txt", std::string("\xFF\xFE"
                                                      "a\0",
                                                      4)}}),
              HasSubstr("words.txt: it is in UTF-16"));
}

TEST(WordTokenizer, RefusesDoubledAndEmptyLines) {
  EXPECT_THAT(load_message({{"words.txt", "a\nb\na\n"}}),
              HasSubstr("line 3 repeats the word \"a\""));
  EXPECT_THAT(load_message({{"words.txt", "a\n\n"}}), HasSubstr("line 2 is empty"));
  EXPECT_THAT(load_message({{"words.txt", ""}}), HasSubstr("no words"));
}

TEST(Tokenizer, RefusesCaptionsThatAreNotUtf8) {
  EXPECT_THROW(Tokenizer::load("bytes")->encode("caf\xe9", 70), DataError);
  EXPECT_THROW(Tokenizer::load("bytes")->rows("caf\xe9"), DataError);
}

TEST(Tokenizer, HashesItsFiles) {
  auto const hash = [](VocabularyFiles const& files) {
    return Tokenizer::load_from(files)->hash();
  };
  EXPECT_EQ(hash({{"words.txt", "a\n"}}), hash({{"words.txt", "a\n"}}));
  EXPECT_NE(hash({{"words.txt", "a\n"}}), hash({{"words.txt", "b\n"}}));
  EXPECT_NE(hash({}), hash({{"words.txt", "b\n"}}));
  EXPECT_EQ(hash({}).size(), 32u);
}

class TokenizerFolder : public TemporaryFolder {
 protected:
  std::string message() const {
    try {
      Tokenizer::load(folder_);
    } catch (DataError const& error) {
      return error.what();
    }
    return "no DataError";
  }
};

TEST_F(TokenizerFolder, GivesTheTokenizerOfItsFiles) {
  for (auto const& [name, content] : bpe_files({{"a", "b"}}))
    write_file_atomically(folder_ / name, content);
  write_file_atomically(folder_ / "README.md", "not a vocabulary");
  auto const tokenizer = Tokenizer::load(folder_);
  EXPECT_THAT(tokenizer->rows("ab"), ElementsAre(first_merged));
  EXPECT_EQ(tokenizer->files(), bpe_files({{"a", "b"}}));
  EXPECT_EQ(Tokenizer::load_from(tokenizer->files())->hash(), tokenizer->hash());
}

TEST_F(TokenizerFolder, IsRefusedByNameWhenItHoldsNoneOrTwo) {
  EXPECT_THAT(message(), HasSubstr(folder_.string()));
  EXPECT_THAT(message(), HasSubstr("no vocabulary files"));
  write_file_atomically(folder_ / "vocab.json", "{}");
  EXPECT_THAT(message(), HasSubstr("incomplete"));
  write_file_atomically(folder_ / "merges.txt", "");
  write_file_atomically(folder_ / "words.txt", "a\n");
  EXPECT_THAT(message(), HasSubstr("two vocabularies"));
  EXPECT_THROW(Tokenizer::load((folder_ / "absent").string()), DataError);
}
