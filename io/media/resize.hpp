#pragma once
// Bicubic resampling of 8-bit RGB, equal to Pillow's in every bit (docs/model.md 3.3).

#include <array>
#include <cstdint>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// Interleaved 8-bit RGB that somebody else owns.
struct ImageView {
  std::uint8_t const* data = nullptr;
  Index width = 0;
  Index height = 0;
};

/// A rectangle of pixels inside an image.
struct Box {
  Index left = 0;
  Index top = 0;
  Index width = 0;
  Index height = 0;
  friend bool operator==(Box const&, Box const&) = default;
};

/// Where each output pixel of one direction reads, and with which weights: sums of 8-bit values
/// times `weights` are taken in 32 bits and shifted right by 22 with rounding.
struct ResampleTaps {
  Index in = 0, out = 0;  ///< lengths this was computed for
  Index count = 0;  ///< weights per output pixel, a multiple of 4: those past the last tap are 0
  std::vector<std::int32_t> first;    ///< [out] first input pixel
  std::vector<std::int32_t> weights;  ///< [out, count]
  /// The same in the order the vector kernel reads: for each pair of taps its low and its high
  /// parts, weight = high * 2^12 + low, each pair in one 32-bit word. [out, count / 2, {low, high}]
  std::vector<std::int32_t> packed;
};

/// Memory and weights that calls of one thread share: a
/// repeated size costs no allocation and no new weights.
struct ResizeWorkspace {
  ResampleTaps horizontal, vertical;
  std::vector<std::uint8_t> rows;  ///< the image between the passes
  /// Copies of rows that a full vector load would overrun.
  std::array<std::vector<std::uint8_t>, 2> edge;
};

/// out[y, x, c] = the box of `source`, cut out first, resampled to width x height. Cubic
/// convolution with a = -0.5, its support widened by the reduction (antialiased), rows first, each
/// pass rounded half up to 8 bits; weights in double, normalised, then rounded to 22 fractional
/// bits, as Pillow computes them.
/// \param out [height, width, 3], overwritten; must not overlap source
/// \throws Error if the box is empty or not inside the image
void resize_bicubic(ImageView source, Box box, int width, int height, std::uint8_t* out,
                    ResizeWorkspace& workspace);

}  // namespace accord::io
