#pragma once
// From the items of all modalities, as a shard holds them, to a batch of the model.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/model/batch.hpp"
#include "core/model/config.hpp"
#include "io/loader/elements.hpp"
#include "io/loader/read_picture.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::io {

/// One reader for each modality, chosen by the kind of its items. Immutable; any number of threads
/// may call it, each with its own scratch.
class ItemDecoder {
 public:
  using Scratch = DecodeScratch;
  /// By Modality: where an item of fixed size goes, instead of behind the others in its batch;
  /// null: behind them.
  using Places = std::vector<std::byte*>;

  /// \param tokenizer of the modalities of captions; may be null if there are none
  /// \param pictures by Modality; those of other kinds are not read
  ItemDecoder(ModelConfig const& model, std::vector<Modality> const& modalities,
              std::shared_ptr<Tokenizer const> tokenizer, std::vector<PictureOptions> pictures,
              std::uint32_t seed);

  /// Appends an item to batch.inputs[modality] and batch.lengths[modality], which exist, as
  /// ElementReader::append() does. \throws DataError as that does
  void append(Modality modality, std::span<std::byte const> bytes, std::uint64_t key,
              MicroBatch& batch, Scratch& scratch, Places const& places = {}) const;

  /// Bytes of every item of a modality; 0 where items differ.
  std::size_t item_bytes(Modality modality) const;
  /// Of the last item of `input`: ElementReader::word_starts().
  std::vector<std::uint8_t> word_starts(Modality modality, ModalityInput const& input) const;
  /// How many tokens of a sequence masks may hide: all but the class token and a text's end mark.
  Index maskable(Modality modality, Index length) const;

 private:
  ElementReader const& reader(Modality modality) const;

  std::vector<ModalityConfig> modalities_;
  std::vector<std::unique_ptr<ElementReader>> readers_;  // by Modality; null: not to be decoded
};

}  // namespace accord::io
