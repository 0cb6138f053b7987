#pragma once
// Samples of a dataset, read together with their neighbours where these will be asked for soon.

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "io/shard/shard_reader.hpp"

namespace accord::io {

/// Keeps the slabs used last: runs of up to `slab` neighbouring samples of a shard, each read in
/// one piece per modality. A slab of more than `bytes` bytes is not made; its samples are read one
/// by one, as all are if `slabs` is 0. Memory: at most slabs * bytes, and what samples in use hold
/// on to. Thread-safe.
class SlabReader {
 public:
  static constexpr Index slab = 64;

  /// `dataset` must outlive the reader.
  SlabReader(Dataset const& dataset, std::size_t slabs, std::uint64_t bytes)
      : dataset_(dataset), slabs_(slabs), slab_bytes_(bytes) {}

  /// \throws SampleError if the sample is damaged, DataError if its shard is
  Sample read(Index number) const;

 private:
  struct Slab {
    std::once_flag read;
    std::unique_ptr<Block> block;  // none: too large
  };
  std::shared_ptr<Slab> slab_at(Index shard, Index number) const;

  Dataset const& dataset_;
  std::size_t slabs_;
  std::uint64_t slab_bytes_;
  mutable std::mutex mutex_;
  using Entry = std::pair<std::uint64_t, std::shared_ptr<Slab>>;
  mutable std::list<Entry> recent_;  // the one used last comes first
  mutable std::unordered_map<std::uint64_t, std::list<Entry>::iterator> by_name_;
};

}  // namespace accord::io
