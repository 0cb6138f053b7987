#pragma once
// How a picture was held when it was taken, as EXIF says it.

#include "io/media/image.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {

/// The orientation of a JPEG (APP1), PNG (eXIf) or WebP (EXIF): 1 (as it is stored) to 8. What has
/// none, or one that is damaged or unknown, is as it is stored.
int exif_orientation(MediaKind kind, std::span<std::byte const> bytes);

/// The picture upright: mirrored and turned by quarters as the number of EXIF says.
Image upright(Image stored, int orientation);
/// Its size.
ImageSize upright(ImageSize stored, int orientation);

}  // namespace accord::io
