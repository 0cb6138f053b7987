#include "io/text/tokenizer.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <span>

#include "core/base/check.hpp"
#include "io/file/file.hpp"
#include "io/file/hash.hpp"
#include "io/text/bpe.hpp"
#include "io/text/normalise.hpp"
#include "io/text/words.hpp"

namespace accord::io {
namespace {

class ByteTokenizer final : public Tokenizer {
 public:
  ByteTokenizer() : Tokenizer({}) {}
  bool word_start(std::int32_t row) const override {
    return row < SpecialRow::count || row == SpecialRow::count + ' ';
  }
  Index vocabulary() const override { return SpecialRow::count + 256; }

 private:
  void append_rows(std::string_view text, std::vector<std::int32_t>& rows) const override {
    for (char const c : text) rows.push_back(SpecialRow::count + static_cast<unsigned char>(c));
  }
  std::string text_of(std::int32_t row) const override {
    return {static_cast<char>(row - SpecialRow::count)};
  }
};

std::string hash_of(VocabularyFiles const& files) {
  Hasher128 hasher;
  auto const update = [&](std::string_view text) {
    std::uint64_t const size = text.size();  // lengths first: no two sets of files read the same
    hasher.update(std::as_bytes(std::span(&size, 1)));
    hasher.update(std::as_bytes(std::span(text)));
  };
  for (auto const& [name, content] : files) {
    update(name);
    update(content);
  }
  return to_hex(hasher.digest());
}

constexpr char const* expected =
    "expected encoder.json and vocab.bpe, vocab.json and merges.txt (dict.txt beside either), or "
    "words.txt";

}  // namespace

Tokenizer::Tokenizer(VocabularyFiles files) : files_(std::move(files)), hash_(hash_of(files_)) {}

std::shared_ptr<Tokenizer const> Tokenizer::load(std::string const& name) {
  if (name == "bytes") return load_from({});
  std::filesystem::path const folder(name);
  if (!std::filesystem::is_directory(folder))
    throw DataError(fmt::format(
        "tokenizer \"{}\": no such folder; give \"bytes\" or a folder with vocabulary files",
        name));
  VocabularyFiles files;
  for (char const* file :
       {"encoder.json", "vocab.bpe", "vocab.json", "merges.txt", "dict.txt", "words.txt"})
    if (std::filesystem::exists(folder / file)) files[file] = read_file(folder / file, 1 << 28);
  if (files.empty())
    throw DataError(fmt::format("tokenizer \"{}\": no vocabulary files; {}", name, expected));
  try {
    return load_from(std::move(files));
  } catch (DataError const& error) {
    throw DataError(fmt::format("tokenizer \"{}\": {}", name, error.what()));
  }
}

std::shared_ptr<Tokenizer const> Tokenizer::load_from(VocabularyFiles files) {
  if (files.empty()) return std::make_shared<ByteTokenizer>();
  bool const official = files.contains("encoder.json") && files.contains("vocab.bpe");
  bool const common = files.contains("vocab.json") && files.contains("merges.txt");
  bool const words = files.contains("words.txt");
  if (official + common + words == 0)
    throw DataError(fmt::format("an incomplete set of vocabulary files; {}", expected));
  if (official + common + words > 1)
    throw DataError(fmt::format("the files of two vocabularies; {}", expected));
  return words ? make_word_tokenizer(std::move(files)) : make_bpe_tokenizer(std::move(files));
}

std::vector<std::int32_t> Tokenizer::encode(std::string_view caption, Index max_tokens) const {
  ACCORD_CHECK(max_tokens >= 0, "max_tokens {}", max_tokens);
  std::vector<std::int32_t> rows;
  append_rows(' ' + normalise(caption), rows);
  if (static_cast<Index>(rows.size()) > max_tokens)
    rows.resize(static_cast<std::size_t>(max_tokens));
  rows.push_back(SpecialRow::end);
  return rows;
}

std::vector<std::int32_t> Tokenizer::rows(std::string_view text) const {
  check_utf8(text);
  std::vector<std::int32_t> rows;
  append_rows(text, rows);
  return rows;
}

std::string Tokenizer::decode(std::vector<std::int32_t> const& rows) const {
  std::string text;
  for (std::int32_t const row : rows) {
    ACCORD_CHECK(row >= 0 && row < vocabulary(), "row {} of a vocabulary of {}", row, vocabulary());
    if (row == SpecialRow::unknown) text += " <unk>";
    if (row >= SpecialRow::count) text += text_of(row);
  }
  return text;
}

}  // namespace accord::io
