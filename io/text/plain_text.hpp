#pragma once
// Text as other programs save it: with a byte-order mark, or in another encoding than UTF-8.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace accord::io {

/// Without the byte-order mark of UTF-8 at its beginning.
std::string_view without_mark(std::string_view text);

/// "UTF-16" or "UTF-32" if the bytes are that: by their mark, or, without one, by the zeros between
/// letters. Otherwise null.
char const* foreign_encoding(std::string_view bytes);

/// The text of a file whose content is `bytes`, without the mark; `name` is for the message.
/// \throws DataError if the encoding is foreign
std::string_view plain_text(std::string_view bytes, std::string const& name);

/// The same of a file. \throws DataError as that, or as read_file()
std::string read_text_file(std::filesystem::path const& path, std::uint64_t limit = 1ull << 30);

}  // namespace accord::io
