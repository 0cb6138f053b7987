#pragma once
// Which samples a split keeps from training.

#include <string_view>

#include "io/file/hash.hpp"

namespace accord::io {

/// Whether samples with this caption are held out, if `fraction` of all captions are to be: xxh3-64
/// of the caption, as a number in [0, 1), is below the fraction. A function of the caption alone,
/// so no caption is on both sides, and what is held out at one fraction is held out at every larger
/// one.
inline bool held_out(std::string_view caption, double fraction) {
  std::uint64_t const hash = hash64(std::as_bytes(std::span(caption.data(), caption.size())));
  return static_cast<double>(hash >> 11) * 0x1p-53 < fraction;
}

}  // namespace accord::io
