#pragma once
// From the bytes of an item, as a shard holds them, to what the model's adapter reads.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "core/base/rng.hpp"
#include "core/model/batch.hpp"
#include "core/model/config.hpp"
#include "io/media/audio.hpp"
#include "io/media/crop.hpp"
#include "io/media/image.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::io {

/// How the pictures of a patch modality become its square input.
struct PictureOptions {
  CropSpec crop;
  Alpha alpha = Alpha::drop;
};

/// One function per family of adapters. Immutable; any number of threads may call it, each with its
/// own Scratch.
class ItemDecoder {
 public:
  /// What one thread uses again and again.
  struct Scratch {
    ResizeWorkspace resize;
  };
  /// By Modality: where an item of fixed size goes, instead of behind the others in its batch;
  /// null: behind them.
  using Places = std::vector<std::byte*>;

  /// \param tokenizer of the token modalities; may be null if there are none
  /// \param pictures by Modality; those of other families are not read
  /// \throws UsageError naming a modality whose adapter's input it does not know
  ItemDecoder(ModelConfig const& model, std::vector<Modality> const& modalities,
              std::shared_ptr<Tokenizer const> tokenizer, std::vector<PictureOptions> pictures,
              std::uint32_t seed);

  /// Appends an item to batch.inputs[modality] and batch.lengths[modality], which exist. `key` keys
  /// the crop. With a place of its own the item's bytes go there, and the input's `data` is left to
  /// who owns the place. \throws DataError if the bytes are not such an item; the caller adds the
  /// name of the sample
  void append(Modality modality, std::span<std::byte const> bytes, std::uint64_t key,
              MicroBatch& batch, Scratch& scratch, Places const& places = {}) const;

  /// Bytes of every item of a modality; 0 where items differ.
  std::size_t item_bytes(Modality modality) const;
  /// For each row of the last text of `input`, end mark left out, whether it can begin a word;
  /// empty for other families.
  std::vector<std::uint8_t> word_starts(Modality modality, ModalityInput const& input) const;
  /// How many tokens of a sequence masks may hide: all but the class token and a text's end mark.
  Index maskable(Modality modality, Index length) const;

 private:
  enum class Family : std::uint8_t { none, token, patch, convolution, patch_sequence };

  void append_text(ModalityConfig const& config, std::span<std::byte const> bytes,
                   ModalityInput& input, std::vector<Index>& lengths) const;
  void append_picture(ModalityConfig const& config, PictureOptions const& options,
                      std::span<std::byte const> bytes, std::uint64_t key, std::byte* place,
                      ModalityInput& input, std::vector<Index>& lengths, Scratch& scratch) const;
  void append_sound(ModalityConfig const& config, std::span<std::byte const> bytes,
                    ModalityInput& input, std::vector<Index>& lengths) const;
  void append_frames(ModalityConfig const& config, std::span<std::byte const> bytes,
                     ModalityInput& input, std::vector<Index>& lengths) const;

  std::vector<ModalityConfig> modalities_;
  std::vector<Family> families_;
  std::shared_ptr<Tokenizer const> tokenizer_;
  std::vector<PictureOptions> pictures_;
  Draws crop_;
};

/// A batch without samples, with room for the inputs and lengths of `modalities` modalities.
MicroBatch empty_batch(std::size_t modalities);
/// The samples of all parts, in order. At least one part; all come from the same passes and
/// modalities.
MicroBatch join(std::vector<MicroBatch> const& parts);

}  // namespace accord::io
