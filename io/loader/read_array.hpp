#pragma once

#include <memory>

#include "io/loader/elements.hpp"

namespace accord::io {

/// Arrays of frames: up to `max_frames` of shape `frame`, by channel (x - `mean`) / `std`. Of a
/// single channel they may lack that axis.
std::unique_ptr<ElementReader> read_arrays(ModalityConfig const& config);

}  // namespace accord::io
