#pragma once
// Which part of a picture a sample shows, and the picture at the model's size.

#include <cstdint>
#include <string>

#include "core/base/rng.hpp"
#include "io/media/resize.hpp"

namespace accord::io {

struct CropSpec {
  enum class Kind : std::uint8_t {
    resize,          ///< the whole picture, its sides squashed to a square
    random_resized,  ///< a random part (docs/model.md 3.3)
    shift,           ///< the whole, then moved by whole pixels; what comes in is white
  };
  Kind kind = Kind::resize;
  double min_scale = 0.9, max_scale = 1;            ///< random_resized: share of the area
  double min_ratio = 3.0 / 4, max_ratio = 4.0 / 3;  ///< random_resized: width / height, log-uniform
  int max_shift = 0;  ///< shift: at most so many pixels of the output, each way
};

/// The random part of docs/model.md 3.3, computed in double: up to ten tries of (area, ratio),
/// taken if it fits and then placed (top, then left); else the central part with the ratio clamped
/// to the interval. Draws are numbered as they are made, from 0, in stream 0. `draws` has
/// Purpose::crop.
Box random_resized_box(Index width, Index height, CropSpec const& spec, Draws const& draws,
                       std::uint64_t position);

/// The sample at `position` as size x size pixels: cut, resized, shifted as `spec` says. The shift
/// is (right, down), draws 0 and 1, each uniform in [-max_shift, max_shift].
/// \param out [size, size, 3], overwritten
void crop_image(ImageView source, CropSpec const& spec, Draws const& draws, std::uint64_t position,
                int size, std::uint8_t* out, ResizeWorkspace& workspace);

}  // namespace accord::io
