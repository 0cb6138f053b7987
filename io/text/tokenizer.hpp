#pragma once
// Captions to rows of the model's vocabulary and back (docs/model.md 3.2).

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// The rows that every vocabulary starts with: <s> <pad> </s> <unk>.
struct SpecialRow {
  static constexpr std::int32_t begin = 0, pad = 1, end = 2, unknown = 3, count = 4;
};

/// Vocabulary files: name -> content.
using VocabularyFiles = std::map<std::string, std::string>;

/// One of
/// - "bytes": byte v is row 4 + v; no files;
/// - GPT-2's byte-level BPE: encoder.json and vocab.bpe, or vocab.json and merges.txt. With
///   fairseq's dict.txt the symbol of its line n is row n + 4, otherwise row = id + 4;
/// - words: words.txt, one word or mark per line, line n is row n + 4; others are <unk>.
/// Lines are counted from 0. Immutable, so any number of threads may use it at once.
class Tokenizer {
 public:
  /// \param name "bytes", or a folder with one of the sets of files above
  /// \throws DataError if the folder has none of the sets, or two, or a file of it is damaged
  static std::shared_ptr<Tokenizer const> load(std::string const& name);
  /// From what files() gave; no files: "bytes".
  static std::shared_ptr<Tokenizer const> load_from(VocabularyFiles files);
  virtual ~Tokenizer() = default;

  /// The caption normalised (io/text/normalise.hpp), with a blank in front, cut to max_tokens rows,
  /// and the end mark: at most max_tokens + 1 rows. An empty caption is one row before the mark:
  /// the blank's, or <unk> of words.
  /// \throws DataError if the caption is not UTF-8
  std::vector<std::int32_t> encode(std::string_view caption, Index max_tokens) const;
  /// The text as it is: not normalised, no blank, not cut, no end mark.
  std::vector<std::int32_t> rows(std::string_view text) const;
  /// The text of rows, special ones left out except
  /// <unk>; bytes that are not UTF-8 appear as they are.
  std::string decode(std::vector<std::int32_t> const& rows) const;

  /// Whether a row can begin a word, the unit of text masks (docs/model.md 3.5): special rows and
  /// dictionary fillers, and what starts with a blank; of words, every row. \pre 0 <= row <
  /// vocabulary()
  virtual bool word_start(std::int32_t row) const = 0;
  virtual Index vocabulary() const = 0;

  VocabularyFiles const& files() const { return files_; }
  /// xxh3-128 of names and contents, 32 hexadecimal digits:
  /// two tokenizers with one hash give the same rows.
  std::string const& hash() const { return hash_; }

 protected:
  explicit Tokenizer(VocabularyFiles files);

 private:
  virtual void append_rows(std::string_view text, std::vector<std::int32_t>& rows) const = 0;
  /// Text of a row that is not special.
  virtual std::string text_of(std::int32_t row) const = 0;

  VocabularyFiles files_;
  std::string hash_;
};

}  // namespace accord::io
