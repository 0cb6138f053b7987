#include "io/loader/item_decoder.hpp"

#include <utility>

#include "core/base/check.hpp"
#include "core/model/modality/adapter.hpp"
#include "io/loader/read_array.hpp"
#include "io/loader/read_caption.hpp"
#include "io/loader/read_sound.hpp"

namespace accord::io {

ItemDecoder::ItemDecoder(ModelConfig const& model, std::vector<Modality> const& modalities,
                         std::shared_ptr<Tokenizer const> tokenizer,
                         std::vector<PictureOptions> pictures, std::uint32_t seed)
    : modalities_(model.modalities), readers_(model.modalities.size()) {
  pictures.resize(modalities_.size());
  auto const make = [&](std::size_t m) {
    ModalityConfig const& config = modalities_[m];
    switch (adapter_family(config.adapter).items) {
      case ItemKind::picture:
        return read_pictures(config, pictures[m], seed);
      case ItemKind::caption:
        return read_captions(config, tokenizer);
      case ItemKind::sound:
        return read_sounds(config);
      case ItemKind::array:
        return read_arrays(config);
    }
    return std::unique_ptr<ElementReader>();
  };
  for (Modality const modality : modalities) {
    auto const m = modality.index();
    readers_[m] = make(m);
  }
}

ElementReader const& ItemDecoder::reader(Modality modality) const {
  auto const m = modality.index();
  ACCORD_CHECK(readers_[m] != nullptr, "modality {} was not among those to decode",
               modalities_[m].name);
  return *readers_[m];
}

void ItemDecoder::append(Modality modality, std::span<std::byte const> bytes, std::uint64_t key,
                         MicroBatch& batch, Scratch& scratch, Places const& places) const {
  auto const m = modality.index();
  ModalityInput& input = batch.inputs[m];
  reader(modality).append(bytes, key, places.empty() ? nullptr : places[m], input, scratch);
  Index const elements = input.offsets.back() - input.offsets.end()[-2];
  ModalityConfig const& config = modalities_[m];
  batch.lengths[m].push_back(adapter_family(config.adapter).tokens(config, elements));
}

std::vector<std::uint8_t> ItemDecoder::word_starts(Modality modality,
                                                   ModalityInput const& input) const {
  return reader(modality).word_starts(input);
}

std::size_t ItemDecoder::item_bytes(Modality modality) const {
  ModalityConfig const& config = modalities_[modality.index()];
  InputSpec const spec = adapter_family(config.adapter).input(config);
  return static_cast<std::size_t>(spec.item_size) * size_of(spec.dtype);
}

Index ItemDecoder::maskable(Modality modality, Index length) const {
  return length - (reads_text(modalities_[modality.index()]) ? 2 : 1);
}

}  // namespace accord::io
