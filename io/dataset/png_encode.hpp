#pragma once
// 8-bit RGB to PNG.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// \param rgb [height, width, 3]
std::vector<std::byte> encode_png(std::span<std::uint8_t const> rgb, Index width, Index height);

}  // namespace accord::io
