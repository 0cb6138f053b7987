#include "io/media/exif.hpp"

#include <algorithm>
#include <utility>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/png_chunks.hpp"

namespace accord::io {
namespace {

constexpr std::string_view exif_mark{"Exif\0\0", 6};

/// Orientation of a block of EXIF, which is a TIFF without picture; 0: it has none.
int orientation_of(std::span<std::byte const> exif) {
  constexpr std::size_t header = 8, entry = 12;
  constexpr std::uint16_t orientation_tag = 0x0112, one_byte = 1, two_bytes = 3, four_bytes = 4;
  if (stands_at(exif, 0, exif_mark)) exif = exif.subspan(exif_mark.size());
  bool const little = stands_at(exif, 0, {"II*\0", 4}), big = stands_at(exif, 0, {"MM\0*", 4});
  if (exif.size() < header || (!little && !big)) return 0;
  auto const short_at = [&](std::size_t at) {
    return little ? little_endian<std::uint16_t>(exif, at) : big_endian<std::uint16_t>(exif, at);
  };
  auto const long_at = [&](std::size_t at) {
    return little ? little_endian<std::uint32_t>(exif, at) : big_endian<std::uint32_t>(exif, at);
  };
  std::size_t at = long_at(4);
  if (at > exif.size() - 2) return 0;
  std::size_t const entries = short_at(at);
  at += 2;
  for (std::size_t i = 0; i < entries && exif.size() - at >= entry; ++i, at += entry) {
    if (short_at(at) != orientation_tag) continue;
    std::uint16_t const type = short_at(at + 2);
    if (long_at(at + 4) != 1) return 0;
    std::uint32_t const value = type == one_byte     ? std::to_integer<std::uint32_t>(exif[at + 8])
                                : type == two_bytes  ? short_at(at + 8)
                                : type == four_bytes ? long_at(at + 8)
                                                     : 0;
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 0;
  }
  return 0;
}

/// Segments up to the first scan; bytes between them, as some writers leave, are passed over.
int jpeg_orientation(std::span<std::byte const> jpeg) {
  constexpr unsigned start_of_scan = 0xda, app1 = 0xe1;
  for (std::size_t at = 2; at < jpeg.size() && jpeg.size() - at >= 4; ++at) {
    auto const marker = std::to_integer<unsigned>(jpeg[at + 1]);
    if (jpeg[at] != std::byte{0xff} || marker == 0 || marker == 0xff) continue;
    std::size_t const bytes = big_endian<std::uint16_t>(jpeg, at + 2);
    if (marker == start_of_scan || bytes < 2 || bytes > jpeg.size() - at - 2) break;
    auto const content = jpeg.subspan(at + 4, bytes - 2);
    if (marker == app1 && stands_at(content, 0, exif_mark))
      if (int const found = orientation_of(content)) return found;
    at += 1 + bytes;
  }
  return 0;
}

int png_orientation(std::span<std::byte const> png) {
  for (PngChunk const& chunk : png_chunks(png))
    if (chunk.name == "eXIf" && chunk.is_sound())
      if (int const found = orientation_of(chunk.data)) return found;
  return 0;
}

int webp_orientation(std::span<std::byte const> webp) {
  constexpr std::size_t chunk_header = 8;
  for (std::size_t at = 12; at < webp.size() && webp.size() - at >= chunk_header;) {
    std::size_t const bytes = little_endian<std::uint32_t>(webp, at + 4);
    if (bytes > webp.size() - at - chunk_header) break;
    if (stands_at(webp, at, "EXIF"))
      if (int const found = orientation_of(webp.subspan(at + chunk_header, bytes))) return found;
    at += chunk_header + bytes + bytes % 2;
  }
  return 0;
}

/// Orientations from 5 on are those below, mirrored at the falling diagonal.
constexpr bool turned(int orientation) { return orientation >= 5; }
/// Whether a row of the upright picture runs against the stored one, and a column.
constexpr bool from_the_right(int o) { return o == 2 || o == 3 || o == 7 || o == 8; }
constexpr bool from_the_bottom(int o) { return o == 3 || o == 4 || o == 6 || o == 7; }

}  // namespace

int exif_orientation(MediaKind kind, std::span<std::byte const> bytes) {
  int found = 0;
  try {
    found = kind == MediaKind::jpeg  ? jpeg_orientation(bytes)
            : kind == MediaKind::png ? png_orientation(bytes)
                                     : webp_orientation(bytes);
  } catch (DataError const&) {
    // A damaged picture: who decodes it says so.
  }
  return std::max(found, 1);
}

ImageSize upright(ImageSize stored, int orientation) {
  return turned(orientation) ? ImageSize{stored.height, stored.width} : stored;
}

Image upright(Image stored, int orientation) {
  if (orientation == 1) return stored;
  ImageSize const size = upright(ImageSize{stored.width, stored.height}, orientation);
  Image image{size.width, size.height, std::vector<std::uint8_t>(stored.rgb.size())};
  std::uint8_t* to = image.rgb.data();
  for (Index row = 0; row < image.height; ++row)
    for (Index column = 0; column < image.width; ++column, to += 3) {
      auto [x, y] = turned(orientation) ? std::pair(row, column) : std::pair(column, row);
      if (from_the_right(orientation)) x = stored.width - 1 - x;
      if (from_the_bottom(orientation)) y = stored.height - 1 - y;
      std::copy_n(stored.rgb.data() + (y * stored.width + x) * 3, 3, to);
    }
  return image;
}

}  // namespace accord::io
