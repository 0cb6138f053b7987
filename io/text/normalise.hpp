#pragma once
// Captions as the model sees them (docs/model.md 3.2, process_text).

#include <cstddef>
#include <limits>
#include <string>
#include <string_view>

namespace accord::io {

/// Lower-cased; any of `,.!?*#:;~` stripped from the left; each run of two or more white-space
/// characters, and each single tab, made one space; newlines stripped from the right, then spaces
/// from both ends. Lower-casing is Unicode's full, context-sensitive one and white space is what
/// Python's str calls so, since the vocabulary was made there.
/// \param max_words keep the first so many words, split at single spaces
/// \throws DataError if `text` is not UTF-8, with the offset of the first bad byte
std::string normalise(std::string_view text,
                      std::size_t max_words = std::numeric_limits<std::size_t>::max());

/// \throws DataError as above
void check_utf8(std::string_view text);
/// UTF-8 without overlong forms, surrogates and values past U+10FFFF.
bool is_utf8(std::string_view text);

}  // namespace accord::io
