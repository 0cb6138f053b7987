#pragma once

#include <memory>

#include "io/loader/elements.hpp"
#include "io/media/crop.hpp"
#include "io/media/image.hpp"

namespace accord::io {

/// How the pictures of a modality become its square input.
struct PictureOptions {
  CropSpec crop;
  Alpha alpha = Alpha::drop;
  Orientation orientation = Orientation::stored;
};

/// Pictures: the pixels of a square of `size`, cut as the draws of `seed` say.
std::unique_ptr<ElementReader> read_pictures(ModalityConfig const& config,
                                             PictureOptions const& options, std::uint32_t seed);

}  // namespace accord::io
