#include "io/text/words.hpp"

#include <fmt/format.h>

#include <unordered_map>

#include "core/base/error.hpp"
#include "io/text/lines.hpp"
#include "io/text/normalise.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

class WordTokenizer final : public Tokenizer {
 public:
  explicit WordTokenizer(VocabularyFiles given) : Tokenizer(std::move(given)) {
    std::string_view const text = plain_text(files().at("words.txt"), "words.txt");
    check_utf8(text);
    for_each_line(text, [&](Index line, std::string_view word) {
      if (word.empty()) throw DataError(fmt::format("words.txt: line {} is empty", line));
      auto const row = static_cast<std::int32_t>(words_.size()) + SpecialRow::count;
      if (!rows_.emplace(word, row).second)
        throw DataError(fmt::format("words.txt: line {} repeats the word \"{}\"", line, word));
      words_.emplace_back(word);
    });
    if (words_.empty()) throw DataError("words.txt: no words in it");
  }

  bool word_start(std::int32_t) const override { return true; }
  Index vocabulary() const override {
    return static_cast<Index>(words_.size()) + SpecialRow::count;
  }

 private:
  void append_rows(std::string_view text, std::vector<std::int32_t>& rows) const override {
    std::size_t const before = rows.size();
    words_and_marks().for_each(text, [&](std::size_t begin, std::size_t end) {
      auto const found = rows_.find(std::string(text.substr(begin, end - begin)));
      rows.push_back(found == rows_.end() ? SpecialRow::unknown : found->second);
    });
    if (rows.size() == before) rows.push_back(SpecialRow::unknown);
  }
  std::string text_of(std::int32_t row) const override {
    return ' ' + words_[static_cast<std::size_t>(row - SpecialRow::count)];
  }

  std::vector<std::string> words_;
  std::unordered_map<std::string, std::int32_t> rows_;
};

}  // namespace

Regex const& words_and_marks() {
  static Regex const pattern(
      R"([\p{L}\p{M}\p{N}]+(?:['\x{2019}][\p{L}\p{M}\p{N}]+)*+|[^\s\p{L}\p{M}\p{N}])");
  return pattern;
}

std::shared_ptr<Tokenizer const> make_word_tokenizer(VocabularyFiles files) {
  return std::make_shared<WordTokenizer>(std::move(files));
}

}  // namespace accord::io
