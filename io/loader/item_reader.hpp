#pragma once
// Every item of one modality of a dataset, in order: what evaluation embeds.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/model/batch.hpp"
#include "io/loader/item_decoder.hpp"
#include "io/loader/read_ahead.hpp"
#include "io/loader/slab_reader.hpp"
#include "io/shard/shard_reader.hpp"

namespace accord::io {

struct ItemReaderConfig {
  Modality modality = 0;
  Index batch = 16;         ///< least items of a batch but the last
  int rank = 0, ranks = 1;  ///< rank r of R reads samples [N * r / R, N * (r + 1) / R)
  int threads = 1;
};

/// Items of a batch. `items.positions` are their numbers among all items of the modality in the
/// dataset; keys and labels are their owners'. No masks.
struct ItemBatch {
  MicroBatch items;
  std::vector<std::uint64_t> samples;  ///< number of the sample that owns each item
};

/// How many items of a modality a dataset holds, by its index alone. \throws DataError if it has no
/// such modality
Index count_items(Dataset const& dataset, std::string const& modality);

/// A sample's items are never split over two batches; a sample without items gives none. Nothing is
/// replaced: a damaged item would change what is measured.
class ItemReader {
 public:
  /// Both must outlive the reader. `decoder` knows the modality; for evaluation its pictures are
  /// resized, not cropped. \throws DataError if the dataset has no such modality or is damaged
  ItemReader(Dataset const& dataset, ModelConfig const& model, ItemDecoder const& decoder,
             ItemReaderConfig const& config);

  /// Nothing after the last item. \throws DataError naming the sample that is damaged or cannot be
  /// decoded
  std::optional<ItemBatch> next();

  /// Where this rank's items begin and end among those of the whole dataset.
  Index first() const { return first_; }
  Index last() const { return last_; }

 private:
  ItemBatch load(std::uint64_t number, ItemDecoder::Scratch& scratch) const;
  /// Items before those of a sample; of the number of samples: all.
  Index items_before(Index sample) const;

  Dataset const& dataset_;
  ItemDecoder const& decoder_;
  ItemReaderConfig config_;
  std::size_t modalities_, column_;
  Index begin_, end_;           // samples
  Index first_, last_, given_;  // items
  SlabReader slabs_;
  std::vector<ItemDecoder::Scratch> scratch_;
  ReadAhead<ItemBatch> samples_;  // last: its threads use the members above
};

}  // namespace accord::io
