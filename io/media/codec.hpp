#pragma once
// One decoder per format, for image.cpp alone: `read_` the size from
// the header, `decode_` the whole. The limits on side and pixels are
// checked inside, through check_limits, before memory is taken.

#include "io/media/image.hpp"

namespace accord::io {

/// \param decoder_bytes what decoding will hold at once, output included
/// \throws DataError naming the limit and the size
void check_limits(ImageSize size, Index decoder_bytes, ImageLimits const& limits);

/// Lays straight (not premultiplied) RGBA on white and packs it to RGB, within the same memory.
void flatten_on_white(std::vector<std::uint8_t>& pixels);

ImageSize read_jpeg_size(std::span<std::byte const> bytes, ImageLimits const& limits);
Image decode_jpeg(std::span<std::byte const> bytes, ImageLimits const& limits);

ImageSize read_png_size(std::span<std::byte const> bytes, ImageLimits const& limits);
Image decode_png(std::span<std::byte const> bytes, ImageLimits const& limits, Alpha alpha);

ImageSize read_webp_size(std::span<std::byte const> bytes, ImageLimits const& limits);
Image decode_webp(std::span<std::byte const> bytes, ImageLimits const& limits, Alpha alpha);

}  // namespace accord::io
