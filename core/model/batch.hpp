#pragma once
// What the loader hands to the model: the samples of one micro-batch, decoded, not yet on a device.

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/model/passes.hpp"

namespace accord {

/// What one modality's adapter reads of a sample.
struct InputSpec {
  DType dtype = DType::uint8;  ///< int32 token rows, uint8 pixels, float32 samples
  /// Elements of one item; 0: ragged. A patch adapter: size * size * 3, rows of interleaved RGB.
  Index item_size = 0;
};

/// The items of one modality, back to back. Item of sample s: elements [offsets[s], offsets[s +
/// 1]). Token rows include the end mark. Pixels are uint8 HWC, or float32 CHW already normalised
/// (reference files only).
struct ModalityInput {
  DType dtype = DType::uint8;
  std::vector<std::byte> data;
  std::vector<Index> offsets{0};
};

/// Which tokens of one modality a masked pass hides. Flags of sample s: [offsets[s], offsets[s +
/// 1]), one per position of the adapter's sequence including the class token (position 0, never
/// masked) and a text's end mark.
struct TokenMask {
  std::vector<std::uint8_t> masked;
  std::vector<Index> offsets{0};
};

/// `samples()` samples that run together. Everything a rank needs to plan the work is in positions,
/// lengths and masks; inputs are needed on the first pipeline stage only.
struct MicroBatch {
  std::vector<std::uint64_t> positions;  ///< global position of each sample: keys every random draw
  std::vector<ModalityInput> inputs;     ///< by Modality
  std::vector<std::vector<Index>>
      lengths;  ///< [Modality][sample]: tokens incl. class token and end mark
  std::vector<std::vector<TokenMask>>
      masks;                            ///< [pass][segment of the pass]; empty for unmasked passes
  std::vector<std::int64_t> labels;     ///< class of each sample, where the data has one
  std::vector<std::uint8_t> multi_hot;  ///< [samples * classes] 1 for each class of a sample, where
                                        ///< it may have several
  std::vector<std::string> keys;        ///< sample keys, for messages

  Index samples() const { return static_cast<Index>(positions.size()); }
};

/// The one list of a batch's members: visit(member of each batch ...), for all of them in order.
template <class Visit, class... Batch>
void for_each_member(Visit&& visit, Batch&&... batches) {
  visit(batches.positions...);
  visit(batches.inputs...);
  visit(batches.lengths...);
  visit(batches.masks...);
  visit(batches.labels...);
  visit(batches.multi_hot...);
  visit(batches.keys...);
}

/// A batch without samples, with room for the inputs and lengths of `modalities` modalities.
MicroBatch empty_batch(std::size_t modalities);
/// The samples of all parts, in order. At least one part; all come from the same passes and
/// modalities.
MicroBatch join(std::vector<MicroBatch> const& parts);

}  // namespace accord
