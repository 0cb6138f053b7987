#pragma once
// The bytes of a checkpoint against the hashes of its manifest. Local to the calling rank.

#include <span>
#include <vector>

#include "io/checkpoint/manifest.hpp"
#include "io/file/file.hpp"

namespace accord::io {

struct ByteRange {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// The hash of all bytes of a file outside `ranges` (by offset, disjoint), one after another.
Hash128 hash_outside(File const& file, std::span<ByteRange const> ranges);

/// \throws DataError if the file is absent or has another size, or if what lies outside its runs
/// has changed.
void check_outside(std::filesystem::path const& folder, CheckpointFile const& expected);

/// Reads a whole run into `buffer` (resized to it). \throws DataError naming file and bytes if its
/// hash is another.
void read_run(File const& file, HashedRun const& run, std::vector<std::byte>& buffer);

}  // namespace accord::io
