#pragma once
// One open shard: its index in memory, its blobs on disk.

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "io/file/file.hpp"
#include "io/shard/dataset_index.hpp"

namespace accord::io {

/// A shard whose size, hash and arrays were checked; immutable. Knows of every sample where its
/// items lie. Memory: 8 bytes per item, and 16 bytes and the key per sample. HDF5 is not involved:
/// index.json says where the datasets lie.
class Shard {
 public:
  enum class Hash : std::uint8_t {
    compare,
    known,  ///< this process has compared it before
  };
  /// \throws DataError naming the file and the place if anything differs from what `entry` says.
  Shard(std::filesystem::path const& dataset, DatasetIndex const& index, ShardEntry const& entry,
        Hash hash);

  std::filesystem::path const& path() const { return file_.path(); }
  Index samples() const { return entry_.samples; }
  std::size_t modalities() const { return columns_.size(); }
  std::string key(Index sample) const;
  std::uint64_t checksum(Index sample) const {
    return checksums_[static_cast<std::size_t>(sample)];
  }
  std::int64_t label(Index sample) const;                       ///< -1 without single labels
  std::span<std::uint8_t const> multi_hot(Index sample) const;  ///< empty without multi-hot labels

  /// Items of `sample`: [first, last) of the modality's items.
  std::uint64_t first_item(std::size_t modality, Index sample) const;
  /// Where an item begins, counted from the first byte of the modality's blob; item = number of
  /// items: its end.
  std::uint64_t item_offset(std::size_t modality, std::uint64_t item) const {
    return columns_[modality].offsets[item];
  }
  /// Bytes [begin, begin + out.size()) of the modality's blob.
  void read_blob(std::size_t modality, std::uint64_t begin, std::span<std::byte> out) const;

 private:
  struct Column {
    std::vector<std::uint64_t> offsets;
    std::vector<std::uint64_t> first;  ///< empty: one item per sample
  };
  template <class T>
  std::vector<T> load(Extent extent, std::uint64_t count, std::string const& name) const;
  Column load_column(ModalityExtents const& places, std::string const& name) const;
  [[noreturn]] void refuse(std::string const& name, char const* problem) const;

  ShardEntry entry_;
  File file_;
  std::vector<Column> columns_;
  std::vector<char> keys_;
  std::size_t key_width_ = 0;
  std::vector<std::uint64_t> checksums_;
  std::vector<std::int64_t> labels_;
  std::vector<std::uint8_t> multi_hot_;
  std::size_t classes_ = 0;
};

}  // namespace accord::io
