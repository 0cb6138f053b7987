#pragma once
// Writes one shard, in bounded memory.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "io/shard/dataset_index.hpp"

namespace accord::io {

/// A sample on its way into a shard.
struct NewSample {
  std::string key;  ///< UTF-8, 1 to 255 bytes, without NUL
  std::vector<std::vector<std::span<std::byte const>>> items;  ///< [modality][item]
  std::int64_t label = -1;                                     ///< LabelKind::single
  std::vector<std::uint8_t> multi_hot;                         ///< LabelKind::multi_hot: [classes]
};

/// Collects samples beside `path` (names path.tmp*) and, when finished, makes the shard appear at
/// `path` whole and durable. Memory: a few MiB per modality and some 100 bytes per sample. Not
/// thread-safe. Failures throw IoError.
class ShardWriter {
 public:
  /// `built_by` is stored for whoever looks into the file.
  ShardWriter(std::filesystem::path path, std::vector<std::string> modalities, LabelKind label,
              std::string built_by);
  ~ShardWriter();  ///< removes what an unfinished shard left behind
  ShardWriter(ShardWriter const&) = delete;
  ShardWriter& operator=(ShardWriter const&) = delete;

  /// All multi-hot labels of a shard have one length.
  void add(NewSample const& sample);
  Index samples() const;
  std::uint64_t bytes() const;  ///< of items so far

  /// Writes the shard; nothing can be added afterwards. At least one sample. The entry's `first` is
  /// not set.
  ShardEntry finish();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// What a hash of a shard file leaves out.
enum class Holes : std::uint8_t { blobs, blobs_and_label };

/// xxh3-128 of every byte of a shard file outside the holes, in file order. Of `entry`, only places
/// and size count.
Hash128 hash_outside(std::filesystem::path const& path, ShardEntry const& entry, Holes holes);

}  // namespace accord::io
