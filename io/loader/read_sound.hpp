#pragma once

#include <memory>

#include "io/loader/elements.hpp"

namespace accord::io {

/// Sounds: samples at `sample_rate`, repeated up to `min_seconds`, until `max_seconds`
/// (waveform()).
std::unique_ptr<ElementReader> read_sounds(ModalityConfig const& config);

}  // namespace accord::io
