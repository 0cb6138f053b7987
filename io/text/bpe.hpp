#pragma once
// GPT-2's byte-level byte-pair encoding: the alphabet,
// the pieces, the merges. Used through Tokenizer.

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "io/text/regex.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::io {

/// Vocabulary files spell each byte as one printable character: the printable ones of Latin-1 stand
/// for themselves, the others, in order, for U+0100 and what follows.
class ByteAlphabet {
 public:
  ByteAlphabet();
  std::string spell(std::string_view bytes) const;
  /// False if `spelled` has a character outside the alphabet (special tokens may).
  bool read(std::string_view spelled, std::string& bytes) const;
  /// Bytes in the order of their characters: the first 256 ids of GPT-2.
  std::array<std::uint8_t, 256> const& order() const { return order_; }

 private:
  std::array<std::string, 256> spelling_;
  std::array<std::int16_t, 512> byte_of_;  ///< by code point, -1: none
  std::array<std::uint8_t, 256> order_;
};

/// GPT-2's cut into pieces that merges do not cross: contractions, words, numbers and marks with
/// the blank before them, white space.
Regex const& bpe_pieces();

/// \throws DataError naming the file and place where the vocabulary contradicts itself
std::shared_ptr<Tokenizer const> make_bpe_tokenizer(VocabularyFiles files);

}  // namespace accord::io
