#pragma once
// A vocabulary of whole words. Used through Tokenizer.

#include <memory>

#include "io/text/regex.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::io {

/// Words (letters, digits and combining marks, with apostrophes inside) and single marks.
Regex const& words_and_marks();

/// \throws DataError if words.txt is empty, or a word stands in it twice
std::shared_ptr<Tokenizer const> make_word_tokenizer(VocabularyFiles files);

}  // namespace accord::io
