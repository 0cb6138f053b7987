#pragma once
// A file that somebody else's table or folder names.

#include <cstdint>
#include <filesystem>
#include <string>

namespace accord::io {

/// \throws DataError if a file that is there may not be read
void require_readable(std::filesystem::path const& path);

/// The content of `name` below `root`, whatever links there are on the way. \throws DataError if it
/// leads out of `root` (the message ends in `hint`), is missing, may not be read or has more than
/// `limit` bytes: faults of one sample. A disk that fails is an IoError.
std::string read_below(std::filesystem::path const& root, std::string const& name,
                       std::uint64_t limit, char const* hint = "");

}  // namespace accord::io
