#include "io/loader/slab_reader.hpp"

#include <algorithm>
#include <utility>

namespace accord::io {

Sample SlabReader::read(Index number) const {
  if (slabs_ == 0) return dataset_.read(number);
  Index const shard = dataset_.index().shard_of(number);
  ShardEntry const& entry = dataset_.index().shards[static_cast<std::size_t>(shard)];
  Index const local = number - entry.first, first = local - local % slab;
  std::shared_ptr<Slab> const around = slab_at(shard, local / slab);
  // Outside the lock: threads that want other slabs do not wait for the disk.
  std::call_once(around->read, [&] {
    Index const count = std::min(slab, entry.samples - first);
    if (dataset_.samples_within(shard, first, slab_bytes_) >= count)
      around->block = std::make_unique<Block>(dataset_.read_block(shard, first, count));
  });
  return around->block ? around->block->sample(local - first) : dataset_.read(number);
}

std::shared_ptr<SlabReader::Slab> SlabReader::slab_at(Index shard, Index number) const {
  std::uint64_t const name =
      static_cast<std::uint64_t>(shard) << 32 | static_cast<std::uint64_t>(number);
  std::lock_guard const lock(mutex_);
  if (auto const found = by_name_.find(name); found != by_name_.end()) {
    recent_.splice(recent_.begin(), recent_, found->second);
    return found->second->second;
  }
  if (recent_.size() == slabs_) {
    by_name_.erase(recent_.back().first);
    recent_.pop_back();
  }
  recent_.emplace_front(name, std::make_shared<Slab>());
  by_name_[name] = recent_.begin();
  return recent_.front().second;
}

}  // namespace accord::io
