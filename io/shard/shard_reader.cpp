#include "io/shard/shard_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "core/base/check.hpp"

namespace accord::io {
namespace {

constexpr std::size_t max_open_shards = 64;

/// The items of samples [first, first + count) of one modality, and where their bytes lie in the
/// blob.
struct ItemRange {
  std::uint64_t begin, end;  ///< items
  std::uint64_t begin_byte, end_byte;
};

ItemRange items_of(Shard const& shard, std::size_t modality, Index first, Index count) {
  std::uint64_t const begin = shard.first_item(modality, first);
  std::uint64_t const end = shard.first_item(modality, first + count);
  return {begin, end, shard.item_offset(modality, begin), shard.item_offset(modality, end)};
}

}  // namespace

SampleError::SampleError(std::string dataset_, std::string shard_, Index sample_, std::string key_)
    : DataError(fmt::format(
          "{}: {}: sample {} (key '{}') does not have its checksum; its bytes are damaged",
          dataset_, shard_, sample_, key_)),
      dataset(std::move(dataset_)),
      shard(std::move(shard_)),
      sample(sample_),
      key(std::move(key_)) {}

struct Block::Content {
  std::shared_ptr<Shard const> shard;
  std::filesystem::path dataset;
  Index shard_first, first, count;            ///< `first` within the shard
  std::vector<std::vector<std::byte>> slabs;  ///< [modality]
};

Index Block::first() const { return content_->shard_first + content_->first; }
Index Block::count() const { return content_->count; }

Sample Block::sample(Index k) const {
  Content const& c = *content_;
  ACCORD_CHECK(k >= 0 && k < c.count, "sample {} of a block of {}", k, c.count);
  Index const local = c.first + k;
  Sample sample;
  sample.number = c.shard_first + local;
  sample.key = c.shard->key(local);
  sample.label = c.shard->label(local);
  sample.multi_hot = c.shard->multi_hot(local);
  sample.owner = content_;
  Hasher64 hasher;
  for (std::size_t m = 0; m < c.slabs.size(); ++m) {
    std::uint64_t const slab_begin = c.shard->item_offset(m, c.shard->first_item(m, c.first));
    ItemRange const range = items_of(*c.shard, m, local, 1);
    auto& items = sample.items.emplace_back();
    for (std::uint64_t i = range.begin; i < range.end; ++i) {
      std::uint64_t const begin = c.shard->item_offset(m, i), end = c.shard->item_offset(m, i + 1);
      items.push_back(std::span(c.slabs[m]).subspan(begin - slab_begin, end - begin));
      hasher.update(items.back());
    }
  }
  if (hasher.digest() != c.shard->checksum(local))
    throw SampleError(c.dataset.string(), c.shard->path().filename().string(), sample.number,
                      sample.key);
  return sample;
}

struct Dataset::State {
  std::filesystem::path path;
  DatasetIndex index;
  std::string hash;

  /// A shard opens once, outside the lock of the table: threads that want another one do not wait
  /// for it.
  struct Slot {
    std::once_flag opened;
    std::shared_ptr<Shard const> shard;
    std::uint64_t used = 0;
  };
  std::mutex mutex;
  std::unordered_map<Index, std::shared_ptr<Slot>> open;
  std::vector<char> sound;  ///< [shard] its hash was compared
  std::uint64_t clock = 0;
};

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(std::filesystem::path path) {
  auto state = std::make_unique<State>();
  state->index = read_index(path);
  state->sound.resize(state->index.shards.size());
  state->hash = state->index.hash();
  state->path = std::move(path);
  return Dataset(std::move(state));
}

std::filesystem::path const& Dataset::path() const { return state_->path; }
DatasetIndex const& Dataset::index() const { return state_->index; }
std::string const& Dataset::hash() const { return state_->hash; }

std::shared_ptr<Shard const> Dataset::shard(Index number) const {
  State& s = *state_;
  ACCORD_CHECK(number >= 0 && number < static_cast<Index>(s.index.shards.size()), "shard {} of {}",
               number, s.index.shards.size());
  std::shared_ptr<State::Slot> slot;
  char& sound = s.sound[static_cast<std::size_t>(number)];
  bool known = false;
  {
    std::lock_guard const guard(s.mutex);
    auto& entry = s.open[number];
    if (!entry) entry = std::make_shared<State::Slot>();
    entry->used = ++s.clock;
    slot = entry;
    known = sound != 0;
    if (s.open.size() > max_open_shards)
      s.open.erase(std::min_element(s.open.begin(), s.open.end(), [](auto const& a, auto const& b) {
        return a.second->used < b.second->used;
      }));
  }
  std::call_once(slot->opened, [&] {
    slot->shard = std::make_shared<Shard const>(s.path, s.index,
                                                s.index.shards[static_cast<std::size_t>(number)],
                                                known ? Shard::Hash::known : Shard::Hash::compare);
    std::lock_guard const guard(s.mutex);
    sound = 1;
  });
  return slot->shard;
}

std::pair<Index, Index> Dataset::place_of(Index number) const {
  Index const shard = index().shard_of(number);
  return {shard, number - index().shards[static_cast<std::size_t>(shard)].first};
}

std::string Dataset::key(Index number) const {
  auto const [place, local] = place_of(number);
  return shard(place)->key(local);
}

std::vector<std::string> Dataset::items(Index number, std::size_t modality) const {
  auto const [place, local] = place_of(number);
  auto const opened = shard(place);
  ItemRange const range = items_of(*opened, modality, local, 1);
  std::vector<std::string> items;
  for (std::uint64_t i = range.begin; i < range.end; ++i) {
    std::uint64_t const begin = opened->item_offset(modality, i);
    std::string& item = items.emplace_back(opened->item_offset(modality, i + 1) - begin, '\0');
    opened->read_blob(modality, begin, std::as_writable_bytes(std::span(item)));
  }
  return items;
}

Sample Dataset::read(Index number) const {
  auto const [place, local] = place_of(number);
  return read_block(place, local, 1).sample(0);
}

Block Dataset::read_block(Index number, Index first, Index count) const {
  auto content = std::make_shared<Block::Content>();
  content->shard = shard(number);
  Shard const& opened = *content->shard;
  ACCORD_CHECK(first >= 0 && count > 0 && first <= opened.samples() - count,
               "samples {}..{} of a shard of {}", first, first + count, opened.samples());
  content->dataset = path();
  content->shard_first = index().shards[static_cast<std::size_t>(number)].first;
  content->first = first;
  content->count = count;
  for (std::size_t m = 0; m < opened.modalities(); ++m) {
    ItemRange const range = items_of(opened, m, first, count);
    auto& slab = content->slabs.emplace_back(range.end_byte - range.begin_byte);
    opened.read_blob(m, range.begin_byte, slab);
  }
  Block block;
  block.content_ = std::move(content);
  return block;
}

Index Dataset::samples_within(Index number, Index first, std::uint64_t bytes) const {
  auto const opened = shard(number);
  auto const total = [&](Index count) {
    std::uint64_t sum = 0;
    for (std::size_t m = 0; m < opened->modalities(); ++m) {
      ItemRange const range = items_of(*opened, m, first, count);
      sum += range.end_byte - range.begin_byte;
    }
    return sum;
  };
  Index low = 1,
        high = opened->samples() - first;  // total() rises: halve the range that holds the answer
  while (low < high) {
    Index const middle = low + (high - low + 1) / 2;
    if (total(middle) <= bytes)
      low = middle;
    else
      high = middle - 1;
  }
  return low;
}

}  // namespace accord::io
