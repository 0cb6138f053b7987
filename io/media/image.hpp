#pragma once
// Compressed pictures to 8-bit RGB. JPEG, PNG and still WebP; what a picture is is read from its
// bytes, never from a name.

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// A decoded picture: rows from the top, interleaved RGB, no padding between rows (HWC).
struct Image {
  Index width = 0;
  Index height = 0;
  std::vector<std::uint8_t> rgb;  ///< height * width * 3
};

struct ImageSize {
  Index width = 0;
  Index height = 0;
};

/// What a picture may cost. Checked against its header, before anything of its size is allocated.
struct ImageLimits {
  Index max_side = 32768;       ///< pixels
  Index max_pixels = 64 << 20;  ///< width * height
  Index max_bytes = 256 << 20;  ///< pixels and what the decoder holds, as coefficients of all scans
  int max_scans = 100;          ///< of a progressive JPEG: each costs a pass over the whole picture
};

/// What becomes of transparency: dropped, as Pillow's convert("RGB") does (the colour below shows),
/// or the picture is laid on white with exact rounding.
enum class Alpha : std::uint8_t { drop, white };

/// What becomes of the orientation that EXIF tells (JPEG, PNG, WebP): nothing, as the official code
/// reads pictures, or the picture is turned upright, as Pillow's ImageOps.exif_transpose does.
enum class Orientation : std::uint8_t { stored, exif };

/// The picture as 8-bit RGB, with Pillow's conversions: grey is repeated, a palette looked up, CMYK
/// and YCCK JPEGs are taken as Adobe's inverted form and R = K (1 - C); colour profiles and
/// gamma are ignored. Of 16-bit PNG channels the high byte counts (for grey too, where
/// Pillow clips at 255 and so turns nearly all of it white). Thread-safe.
/// What stands beside the pixels never decides about them: texts, profiles and other ancillary
/// chunks, bytes between segments or behind the end, versions. Of an APNG its still picture is
/// read. \throws DataError saying what was found: another format, animated WebP, truncated or
/// damaged data (the JPEG decoder's warnings about pixels included), or which limit the header
/// exceeds. The caller adds the name of the sample.
Image decode_image(std::span<std::byte const> bytes, ImageLimits const& limits = {},
                   Alpha alpha = Alpha::drop, Orientation orientation = Orientation::stored);

/// Width and height as they are stored, from the header alone; the same
/// limits and errors, but damage further on is not seen.
ImageSize image_size(std::span<std::byte const> bytes, ImageLimits const& limits = {});

}  // namespace accord::io
