#pragma once
// Vocabularies learnt from captions. The same captions
// give the same files, in whatever order they come.

#include <functional>
#include <string>

#include "io/text/tokenizer.hpp"

namespace accord::io {

/// Sets `caption` to the next one; false when there is none left.
using CaptionSource = std::function<bool(std::string& caption)>;

/// Byte-level BPE with GPT-2's pieces (Sennrich, Haddow, Birch 2016): joins
/// the most frequent pair of neighbours, of equally frequent ones that of
/// the smaller ids, until `rows` are reached or no pair stands twice.
/// \param rows of the vocabulary, special ones included; at least 4 + 256
/// \returns vocab.json and merges.txt
/// \throws UsageError if `rows` is too small, DataError if there
/// is no caption or one is not UTF-8 (its number is named)
VocabularyFiles train_bpe(CaptionSource const& next, Index rows);

/// The most frequent words and marks, of equally frequent ones the first in byte order.
/// \param rows special ones included; at least 5
/// \returns words.txt
/// \throws as train_bpe
VocabularyFiles train_words(CaptionSource const& next, Index rows);

}  // namespace accord::io
