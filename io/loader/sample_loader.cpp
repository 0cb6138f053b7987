#include "io/loader/sample_loader.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "core/base/check.hpp"
#include "core/model/objective.hpp"
#include "io/loader/columns.hpp"
#include "io/loader/permutation.hpp"

namespace accord::io {
namespace {

constexpr std::uint64_t kSlabMemory = 256 << 20;
constexpr double kWorthwhileShare = 0.25;  // below it most of a slab would not be asked for

std::vector<Modality> used_modalities(ModelConfig const& model) {
  std::set<Modality> used;
  for (Pass const& pass : resolve_passes(model))
    used.insert(pass.modalities.begin(), pass.modalities.end());
  return {used.begin(), used.end()};
}

/// Of the labelled objective; 0: there is none.
Index classes_of(ModelConfig const& model) {
  int const o = find_objective(model, &ObjectiveFamily::labelled);
  return o < 0 ? 0 : model.objectives[static_cast<std::size_t>(o)].classes;
}

}  // namespace

std::vector<SampleLoader::Source> SampleLoader::open_sources(SampleConfig const& config,
                                                             std::vector<Modality> const& used) {
  std::vector<Source> sources;
  for (LoaderSource const& wanted : config.sources) {
    Source source{wanted.name, Dataset::open(wanted.path),
                  std::vector<std::size_t>(config.model.modalities.size())};
    for (Modality m : used)
      source.columns[m.index()] =
          column_of(source.dataset, config.model.modalities[m.index()].name);
    sources.push_back(std::move(source));
  }
  return sources;
}

Order SampleLoader::order_of(SampleConfig const& config, std::vector<Source> const& sources) {
  std::vector<OrderSource> listed;
  for (std::size_t j = 0; j < sources.size(); ++j)
    listed.push_back({sources[j].name, static_cast<std::uint64_t>(sources[j].dataset.size()),
                      config.sources[j].weight, sources[j].dataset.hash()});
  return Order(std::move(listed), static_cast<std::uint64_t>(config.global_batch), config.seed,
               config.start ? &*config.start : nullptr);
}

std::vector<std::unique_ptr<SlabReader>> SampleLoader::readers_of(
    std::vector<Source> const& sources, double share) {
  // Of a window of the order. Every block, moved by its offset, touches a slab more at either end,
  // and two windows are under way when one follows the other.
  constexpr std::uint64_t kSlabsOfWindow =
      2 * (EpochOrder::window / SlabReader::slab + 2 * EpochOrder::window / EpochOrder::block);
  std::vector<std::uint64_t> slabs, bytes;
  std::uint64_t memory = 0;
  for (Source const& source : sources) {
    std::uint64_t all_slabs = 0, all_bytes = 0;
    for (ShardEntry const& shard : source.dataset.index().shards) {
      all_slabs +=
          static_cast<std::uint64_t>((shard.samples + SlabReader::slab - 1) / SlabReader::slab);
      all_bytes += shard.bytes;
    }
    // A mixture deals many windows of a source over one of its own.
    slabs.push_back(sources.size() == 1 ? std::min(all_slabs, kSlabsOfWindow) : all_slabs);
    bytes.push_back(2 * all_bytes / std::max<std::uint64_t>(all_slabs, 1));
    memory += slabs.back() * bytes.back();
  }
  bool const worthwhile = share >= kWorthwhileShare && memory <= kSlabMemory;
  std::vector<std::unique_ptr<SlabReader>> readers;
  for (std::size_t j = 0; j < sources.size(); ++j)
    readers.push_back(std::make_unique<SlabReader>(
        sources[j].dataset, worthwhile ? static_cast<std::size_t>(slabs[j]) : 0, bytes[j]));
  return readers;
}

SampleLoader::SampleLoader(SampleConfig const& config, double share)
    : model_(config.model),
      refresh_(config.refresh),
      used_(used_modalities(config.model)),
      sources_(open_sources(config, used_)),
      readers_(readers_of(sources_, share)),
      label_(sources_.front().dataset.index().label),
      classes_(classes_of(config.model)),
      order_(order_of(config, sources_)),
      decoder_(config.model, used_, config.tokenizer, config.pictures, config.seed),
      masks_(config.model, config.seed),
      item_(config.seed, Purpose::item) {
  for (Source const& source : sources_) {
    if (source.dataset.index().label != label_) label_ = LabelKind::none;
    if (classes_ > 0 && source.dataset.index().label == LabelKind::none)
      throw DataError(fmt::format(
          "{}: has no labels, which a classify term needs; build it with `accord data build "
          "--label`",
          source.dataset.path().string()));
  }
  if (classes_ > 0 && label_ == LabelKind::none)
    throw DataError(
        "the sources of data do not agree on labels: some have one class per sample, others "
        "several; a classify term needs one kind");
  if (!config.start) return;
  // What a source has grown by must lie behind what the run's epoch began with.
  for (std::size_t j = 0; j < sources_.size(); ++j) {
    Dataset const& dataset = sources_[j].dataset;
    SourceState const& state = config.start->sources[j];
    Index const then = dataset.index().samples_when(state.index, dataset.path());
    if (static_cast<std::uint64_t>(then) != state.samples)
      throw DataError(
          fmt::format("the state of the loader is damaged: {} samples of source {} at the index "
                      "{}, which has {}",
                      state.samples, state.name, state.index, then));
  }
}

std::map<std::string, std::string> SampleLoader::indexes() const {
  std::map<std::string, std::string> hashes;
  for (Source const& source : sources_) hashes.emplace(source.name, source.dataset.hash());
  return hashes;
}

LoadedSample SampleLoader::load(std::uint64_t position, ItemDecoder::Scratch& scratch,
                                ItemDecoder::Places const& places) const {
  LoadedSample loaded;
  Order::Place place = order_.at(position);
  // The position keeps its draws, whichever sample comes to it.
  std::uint64_t const key = refresh_ == Refresh::epoch
                                ? position
                                : static_cast<std::uint64_t>(place.source) << 48 | place.sample;
  for (int attempt = 0; attempt <= Order::max_attempts; ++attempt) {
    if (attempt > 0) place = order_.at(position, attempt);
    Source const& source = sources_[static_cast<std::size_t>(place.source)];
    SkippedSample skip{position, source.name, "", place.sample, ""};
    try {
      Sample const sample = read(place);
      skip.key = sample.key;
      skip.reason = decode(source, sample, key, loaded.batch, scratch, places);
    } catch (SampleError const& error) {
      skip.key = error.key;
      skip.reason = fmt::format("{}; `accord data verify` finds all such samples", error.what());
    }
    if (skip.reason.empty()) {
      loaded.batch.positions = {position};
      return loaded;
    }
    loaded.skipped.push_back(std::move(skip));
  }
  SkippedSample const& last = loaded.skipped.back();
  throw DataError(fmt::format(
      "position {} of the run: none of {} samples in a row could be used; the last one: "
      "{}, sample {} (key '{}'): {}",
      position, loaded.skipped.size(), last.source, last.sample, last.key, last.reason));
}

/// Empty, or why its label cannot be learnt.
std::string SampleLoader::label_fault(Sample const& sample) const {
  if (classes_ == 0) return {};
  if (label_ == LabelKind::single && (sample.label < 0 || sample.label >= classes_))
    return fmt::format("its class {} is not one of {}", sample.label, classes_);
  if (label_ == LabelKind::multi_hot && static_cast<Index>(sample.multi_hot.size()) != classes_)
    return fmt::format("has labels of {} classes instead of {}", sample.multi_hot.size(), classes_);
  return {};
}

/// Empty, or why the sample cannot be used.
std::string SampleLoader::decode(Source const& source, Sample const& sample, std::uint64_t key,
                                 MicroBatch& batch, ItemDecoder::Scratch& scratch,
                                 ItemDecoder::Places const& places) const {
  std::size_t const modalities = model_.modalities.size();
  batch = empty_batch(modalities);
  if (std::string fault = label_fault(sample); !fault.empty()) return fault;
  std::vector<MaskItem> items(modalities);
  std::vector<std::vector<std::uint8_t>> word_starts(modalities);
  for (Modality modality : used_) {
    std::size_t const m = modality.index();
    std::string const& name = model_.modalities[m].name;
    auto const& choice = sample.items[source.columns[m]];
    if (choice.empty()) return fmt::format("has no {}", name);
    std::uint32_t const chosen = item_.below(static_cast<std::uint32_t>(choice.size()), key, 0,
                                             static_cast<std::uint32_t>(m));
    try {
      decoder_.append(modality, choice[chosen], key, batch, scratch, places);
    } catch (DataError const& error) {
      return fmt::format("{}: {}", name, error.what());
    }
    word_starts[m] = decoder_.word_starts(modality, batch.inputs[m]);
    items[m].word_start = word_starts[m];
    items[m].count = decoder_.maskable(modality, batch.lengths[m].back());
  }
  masks_.append(key, items, batch.masks);
  if (label_ == LabelKind::single) batch.labels = {sample.label};
  if (label_ == LabelKind::multi_hot)
    batch.multi_hot.assign(sample.multi_hot.begin(), sample.multi_hot.end());
  batch.keys = {sample.key};
  return {};
}

}  // namespace accord::io
