#include "io/loader/item_reader.hpp"

#include <algorithm>

#include "core/base/check.hpp"
#include "io/loader/columns.hpp"

namespace accord::io {
namespace {

constexpr std::size_t kSamplesAheadPerThread = 8;
constexpr std::size_t kSlabs =
    4;  // reading in order needs one, and those that threads are still in
constexpr std::uint64_t kSlabBytes = 16 << 20;

Index count_items(ShardEntry const& shard, std::size_t column) {
  return static_cast<Index>(shard.modalities[column].offsets.bytes / sizeof(std::uint64_t)) - 1;
}

}  // namespace

Index count_items(Dataset const& dataset, std::string const& modality) {
  std::size_t const column = column_of(dataset, modality);
  Index items = 0;
  for (ShardEntry const& shard : dataset.index().shards) items += count_items(shard, column);
  return items;
}

ItemReader::ItemReader(Dataset const& dataset, ModelConfig const& model, ItemDecoder const& decoder,
                       ItemReaderConfig const& config)
    : dataset_(dataset),
      decoder_(decoder),
      config_(config),
      modalities_(model.modalities.size()),
      column_(column_of(dataset, model.modalities[config.modality.index()].name)),
      begin_(dataset.size() * config.rank / config.ranks),
      end_(dataset.size() * (config.rank + 1) / config.ranks),
      first_(items_before(begin_)),
      last_(items_before(end_)),
      given_(first_),
      slabs_(dataset, kSlabs, kSlabBytes),
      scratch_(static_cast<std::size_t>(config.threads)),
      samples_(
          scratch_.size(),
          kSamplesAheadPerThread * scratch_.size() + static_cast<std::size_t>(config.batch),
          [this](std::uint64_t ticket, std::size_t worker) {
            return load(static_cast<std::uint64_t>(begin_) + ticket, scratch_[worker]);
          },
          static_cast<std::uint64_t>(end_ - begin_)) {}

Index ItemReader::items_before(Index sample) const {
  Index items = 0;
  std::vector<ShardEntry> const& shards = dataset_.index().shards;
  for (std::size_t s = 0; s < shards.size() && shards[s].first < sample; ++s) {
    Index const within = std::min(sample - shards[s].first, shards[s].samples);
    items +=
        within < shards[s].samples
            ? static_cast<Index>(dataset_.shard(static_cast<Index>(s))->first_item(column_, within))
            : count_items(shards[s], column_);
  }
  return items;
}

ItemBatch ItemReader::load(std::uint64_t number, ItemDecoder::Scratch& scratch) const {
  Sample const sample = slabs_.read(static_cast<Index>(number));
  ItemBatch batch{empty_batch(modalities_), {}};
  for (auto const& bytes : sample.items[column_]) {
    try {
      decoder_.append(config_.modality, bytes, number, batch.items, scratch);
    } catch (DataError const& error) {
      throw DataError(fmt::format("{}: sample {} (key '{}'): {}", dataset_.path().string(), number,
                                  sample.key, error.what()));
    }
    batch.items.keys.push_back(sample.key);
    if (dataset_.index().label == LabelKind::single) batch.items.labels.push_back(sample.label);
    batch.samples.push_back(number);
  }
  // Numbered when the batch is put together: a thread does not know how many items came before.
  batch.items.positions.resize(batch.samples.size());
  return batch;
}

std::optional<ItemBatch> ItemReader::next() {
  std::vector<MicroBatch> parts;
  std::vector<std::uint64_t> owners;
  while (static_cast<Index>(owners.size()) < config_.batch) {
    std::vector<ItemBatch> sample = samples_.take(1);
    if (sample.empty()) break;
    parts.push_back(std::move(sample[0].items));
    owners.insert(owners.end(), sample[0].samples.begin(), sample[0].samples.end());
  }
  if (owners.empty()) return std::nullopt;
  ItemBatch batch{join(parts), std::move(owners)};
  for (std::uint64_t& position : batch.items.positions)
    position = static_cast<std::uint64_t>(given_++);
  return batch;
}

}  // namespace accord::io
