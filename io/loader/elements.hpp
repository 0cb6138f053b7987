#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "core/model/batch.hpp"
#include "io/media/resize.hpp"

namespace accord::io {

/// What one thread uses again and again to decode.
struct DecodeScratch {
  ResizeWorkspace resize;
};

/// From the bytes of an item, as a shard holds them, to the elements that the adapters of one
/// modality read. Immutable; any number of threads may call it, each with its own scratch.
class ElementReader {
 public:
  virtual ~ElementReader() = default;

  /// Appends the elements of an item to `input`. `key` keys its random draws. With a `place` they
  /// go there, and the input's `data` is left to who owns the place. \throws DataError if the bytes
  /// are not such an item; the caller adds the name of the sample
  virtual void append(std::span<std::byte const> bytes, std::uint64_t key, std::byte* place,
                      ModalityInput& input, DecodeScratch& scratch) const = 0;
  /// For each row of the last item of `input`, end mark left out, whether it can begin a word;
  /// empty for items without words.
  virtual std::vector<std::uint8_t> word_starts(ModalityInput const&) const { return {}; }
};

/// Counts an item of so many elements in and returns where it goes: `place`, or behind those that
/// `input` holds.
inline std::byte* extend(ModalityInput& input, DType dtype, std::size_t elements,
                         std::byte* place) {
  input.dtype = dtype;
  input.offsets.push_back(input.offsets.back() + static_cast<Index>(elements));
  if (place) return place;
  std::size_t const begin = input.data.size();
  input.data.resize(begin + elements * size_of(dtype));
  return input.data.data() + begin;
}

/// Appends an item that is there already.
template <class T>
void append_elements(ModalityInput& input, DType dtype, std::vector<T> const& elements,
                     std::byte* place) {
  std::memcpy(extend(input, dtype, elements.size(), place), elements.data(),
              elements.size() * sizeof(T));
}

}  // namespace accord::io
