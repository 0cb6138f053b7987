#pragma once
// index.json: what a dataset consists of. The only file read when a dataset is opened; shards are
// opened as they are needed.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "io/file/extent.hpp"
#include "io/file/hash.hpp"

namespace accord::io {

enum class LabelKind : std::uint8_t {
  none,
  single,     ///< /label int64 [n]: the class of a sample
  multi_hot,  ///< /label uint8 [n, classes]: 1 for each class a sample belongs to
};

/// Where the datasets of one modality lie (docs/formats.md).
struct ModalityExtents {
  Extent bytes;    ///< the items, back to back
  Extent offsets;  ///< uint64 [items + 1]: where each item begins in `bytes`
  Extent
      first;  ///< uint64 [samples + 1]: the first item of each sample; absent: item i is sample i's
};

/// One shard: its file, its place in the numbering of samples, and what it is checked against when
/// opened.
struct ShardEntry {
  std::string file;  ///< "shard-00000.h5", in the dataset's folder
  Index first = 0;   ///< number, within the dataset, of its first sample
  Index samples = 0;
  std::uint64_t bytes = 0;  ///< size of the file
  Hash128 hash;             ///< of every byte outside the blobs, in file order
  std::vector<ModalityExtents> modalities;
  Extent key, checksum, label;
};

/// One line of JSON, as it stands in index.json, and back. \throws DataError if it is not a shard
/// entry
std::string to_json(ShardEntry const& entry);
ShardEntry shard_entry_from_json(std::string const& text, std::size_t modalities);

/// What index.json says. Appending leaves existing entries as they are, so each prefix of the
/// shards keeps its hash.
struct DatasetIndex {
  std::vector<std::string> modalities;  ///< order in which the items of a sample are hashed
  LabelKind label = LabelKind::none;
  std::vector<std::string> classes;  ///< names by class number; empty where nobody named them
  std::vector<std::string> builds;   ///< fingerprints of the builds that added shards
  std::vector<ShardEntry> shards;

  Index samples() const { return shards.empty() ? 0 : shards.back().first + shards.back().samples; }
  /// 32 hexadecimal digits that name exactly these shards: a chain over their sizes and hashes.
  std::string hash() const;
  /// Adds a shard at the end; its `first` is set.
  void append(ShardEntry entry);
  /// How many samples there were when the hash of this index was `hash`: those that a run which
  /// started then goes on reading. \throws DataError if it never was; `dataset` is named in the
  /// message.
  Index samples_when(std::string const& hash, std::filesystem::path const& dataset) const;
  /// Index, in `shards`, of the one that holds sample `sample` of [0, samples()).
  Index shard_of(Index sample) const;
};

/// Name of shard `number` of a dataset.
std::string shard_file(Index number);

bool has_index(std::filesystem::path const& dataset);
/// \throws UsageError if shards lie there: without an index nobody knows whose they are.
void require_no_shards(std::filesystem::path const& dataset);
/// Reads <dataset>/index.json. \throws DataError if it is missing, damaged (it carries a hash of
/// itself) or of another version.
DatasetIndex read_index(std::filesystem::path const& dataset);
/// Replaces <dataset>/index.json atomically.
void write_index(std::filesystem::path const& dataset, DatasetIndex const& index);

}  // namespace accord::io
