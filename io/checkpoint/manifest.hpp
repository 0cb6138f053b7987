#pragma once
// manifest.json: the only place that says what a checkpoint is made of, and the proof that it is
// undamaged.

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "io/checkpoint/content.hpp"
#include "io/file/hash.hpp"

namespace accord::io {

/// A contiguous range of bytes of one file that one rank wrote and hashed.
struct HashedRun {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  Hash128 hash;
};

struct CheckpointFile {
  std::string name;  ///< within the checkpoint's folder
  std::uint64_t bytes = 0;
  Hash128 outside;  ///< of all bytes that lie in no run, one after another
  std::vector<HashedRun>
      runs;  ///< by offset, disjoint; together they cover the file's tensors and nothing else
};

/// Where a whole logical tensor lies.
struct StoredTensor {
  TensorInfo info;
  int file = 0;
  std::uint64_t offset = 0;  ///< of the first of its contiguous bytes

  std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(info.shape.size()) * size_of(info.dtype);
  }
};

struct Manifest {
  Index step = 0;
  Documents documents;
  std::vector<StoredTensor> tensors;
  std::vector<CheckpointFile> files;
};

/// JSON whose last line is the hash of all bytes before it. \throws DataError if a document is not
/// UTF-8, or not JSON where it has to be. Values are little-endian in the files it speaks of.
std::string to_text(Manifest const& manifest);

/// Reads what to_text wrote. \param origin the file's name, for messages
/// \throws DataError if a single bit differs, or if runs and tensors contradict each other.
Manifest manifest_from_text(std::string_view text, std::string const& origin);

inline constexpr char const* manifest_name = "manifest.json";

/// The text of `folder`/manifest.json, unchecked. \throws DataError or IoError
std::string read_manifest_text(std::filesystem::path const& folder);
/// Reads and checks it; of the other files nothing is looked at.
Manifest read_manifest(std::filesystem::path const& folder);

}  // namespace accord::io
