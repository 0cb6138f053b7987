#pragma once

#include <cstddef>
#include <span>

namespace accord::io {

/// Whether several frames of MPEG audio follow each other somewhere near the front: an MP3 behind
/// bytes of another kind.
bool holds_mpeg_frames(std::span<std::byte const> bytes);

}  // namespace accord::io
