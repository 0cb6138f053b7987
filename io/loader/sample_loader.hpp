#pragma once
// The sample of a position: found, read, decoded, masked. What the loader does for each sample,
// without its order and threads.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/config.hpp"
#include "core/model/modality/masks.hpp"
#include "io/loader/item_decoder.hpp"
#include "io/loader/order.hpp"
#include "io/loader/slab_reader.hpp"
#include "io/shard/shard_reader.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::io {

struct LoaderSource {
  std::string name;
  std::filesystem::path path;  ///< a folder of shards
  double weight = 1;
};

/// What keys the item, crop and masks of a sample: its position, so that they are new each time it
/// comes; or its number in its source, so that they are the same each time. Positions, and what the
/// model draws with them, are never reused.
enum class Refresh : std::uint8_t { epoch, never };

struct SampleConfig {
  std::vector<LoaderSource> sources;
  ModelConfig model;  ///< the modalities of its objectives' passes are read
  std::shared_ptr<Tokenizer const> tokenizer;
  std::vector<PictureOptions> pictures;  ///< by Modality; others than patch modalities are ignored
  Index global_batch = 0;
  std::uint32_t seed = 0;
  Refresh refresh = Refresh::epoch;
  std::optional<OrderState> start;  ///< where to continue
};

/// A sample that could not be used, so that its position took another.
struct SkippedSample {
  std::uint64_t position = 0;
  std::string source, key;
  std::uint64_t sample = 0;  ///< number within the source
  std::string reason;
};

struct LoadedSample {
  MicroBatch batch;                    ///< of one sample
  std::vector<SkippedSample> skipped;  ///< what was tried before it
};

/// Of a modality with several items per sample one is drawn. A sample that is damaged, cannot be
/// decoded, lacks a modality, or has no class where one is learnt, is replaced by the next place of
/// Order::at, at most Order::max_attempts times; the position keeps its draws. Immutable; any
/// number of threads may call load(), each with its own Scratch.
class SampleLoader {
 public:
  /// \throws DataError for sources that are damaged, too small, lack a modality, or are not what
  /// `start` says; UsageError for weights, masks or adapters that cannot be
  /// \param share of the positions of a step that will be asked for here: with a large one, samples
  /// are read together with the neighbours that the order brings up soon, if all of these fit into
  /// 256 MiB
  explicit SampleLoader(SampleConfig const& config, double share = 1);

  /// `places` as in ItemDecoder. \throws DataError if a shard is damaged or no usable sample was
  /// found, IoError if reading failed
  LoadedSample load(std::uint64_t position, ItemDecoder::Scratch& scratch,
                    ItemDecoder::Places const& places = {}) const;
  Order const& order() const { return order_; }
  /// Hash of the index that each source has now, by name.
  std::map<std::string, std::string> indexes() const;
  ItemDecoder const& decoder() const { return decoder_; }
  /// Those that some pass reads, ascending.
  std::vector<Modality> const& used() const { return used_; }
  std::size_t modalities() const { return model_.modalities.size(); }

 private:
  struct Source {
    std::string name;
    Dataset dataset;
    std::vector<std::size_t> columns;  // [Modality]: index into Sample::items
  };
  static std::vector<Source> open_sources(SampleConfig const& config,
                                          std::vector<Modality> const& used);
  static Order order_of(SampleConfig const& config, std::vector<Source> const& sources);
  static std::vector<std::unique_ptr<SlabReader>> readers_of(std::vector<Source> const& sources,
                                                             double share);
  Sample read(Order::Place const& place) const {
    return readers_[static_cast<std::size_t>(place.source)]->read(static_cast<Index>(place.sample));
  }
  std::string label_fault(Sample const& sample) const;
  std::string decode(Source const& source, Sample const& sample, std::uint64_t key,
                     MicroBatch& batch, ItemDecoder::Scratch& scratch,
                     ItemDecoder::Places const& places) const;

  ModelConfig model_;
  Refresh refresh_;
  std::vector<Modality> used_;
  std::vector<Source> sources_;
  std::vector<std::unique_ptr<SlabReader>> readers_;  // of each source
  LabelKind label_;                                   // none also where sources differ
  Index classes_;
  Order order_;
  ItemDecoder decoder_;
  MaskSampler masks_;
  Draws item_;
};

}  // namespace accord::io
