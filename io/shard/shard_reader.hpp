#pragma once
// A dataset for reading: samples by number, from shards that open when they are first needed.

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "io/shard/dataset_index.hpp"
#include "io/shard/shard.hpp"

namespace accord::io {

/// One sample as it is stored. Its spans stay valid as long as `owner` (or a copy of the Sample)
/// lives.
struct Sample {
  Index number = 0;  ///< within the dataset
  std::string key;
  std::vector<std::vector<std::span<std::byte const>>> items;  ///< [modality of the dataset][item]
  std::int64_t label = -1;
  std::span<std::uint8_t const> multi_hot;
  std::shared_ptr<void const> owner;
};

/// A sample whose bytes do not have their checksum. The shard around it is sound: others can be
/// read.
struct SampleError : DataError {
  SampleError(std::string dataset, std::string shard, Index sample, std::string key);
  std::string dataset, shard;
  Index sample;  ///< within the dataset
  std::string key;
};

/// Neighbouring samples of one shard that were read together: one read per modality. Cheap to copy;
/// thread-safe.
class Block {
 public:
  Index first() const;  ///< number, within the dataset, of its first sample
  Index count() const;
  /// Sample first() + k, its checksum verified. \throws SampleError
  Sample sample(Index k) const;

 private:
  friend class Dataset;
  struct Content;
  std::shared_ptr<Content const> content_;
};

/// Every method may be called by any number of threads at once; none calls HDF5 or MPI.
class Dataset {
 public:
  /// Reads index.json alone. \throws DataError
  static Dataset open(std::filesystem::path path);
  Dataset(Dataset&&) noexcept;
  Dataset& operator=(Dataset&&) noexcept;
  ~Dataset();

  std::filesystem::path const& path() const;
  DatasetIndex const& index() const;
  std::string const& hash() const;  ///< of the index: what a run is bound to
  Index size() const { return index().samples(); }
  std::vector<std::string> const& modalities() const { return index().modalities; }

  /// \throws SampleError if the sample is damaged, DataError if its shard is.
  Sample read(Index number) const;
  /// The key of a sample, without reading the sample. \throws DataError if its shard is damaged.
  std::string key(Index number) const;
  /// The items of one modality of a sample, without reading the others: unverified, for the
  /// checksum is of the whole sample. \throws DataError if its shard is damaged.
  std::vector<std::string> items(Index number, std::size_t modality) const;
  /// Samples [first, first + count) of shard `shard`, `first` counted within the shard. The bytes
  /// are in memory when it returns; checksums are verified by Block::sample. \throws DataError if
  /// the shard is damaged.
  Block read_block(Index shard, Index first, Index count) const;
  /// How many samples of `shard` from `first` on have at most `bytes` bytes together; at least 1.
  Index samples_within(Index shard, Index first, std::uint64_t bytes) const;
  /// The opened shard; the 64 used last stay open. \throws DataError if it is damaged.
  std::shared_ptr<Shard const> shard(Index number) const;

 private:
  struct State;
  /// A sample's shard, and its number there.
  std::pair<Index, Index> place_of(Index number) const;
  explicit Dataset(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace accord::io
