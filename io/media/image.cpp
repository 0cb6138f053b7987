#include "io/media/image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/base/error.hpp"
#include "io/media/codec.hpp"
#include "io/media/exif.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

std::string_view as_text(std::span<std::byte const> bytes) {
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

/// For messages: what a file that is none of ours seems to be.
std::string describe(std::string_view text) {
  if (text.starts_with("GIF8")) return "a GIF";
  if (text.starts_with("BM")) return "a BMP";
  if (text.starts_with(std::string_view("II*\0", 4)) ||
      text.starts_with(std::string_view("MM\0*", 4)))
    return "a TIFF";
  if (text.starts_with("%PDF")) return "a PDF";
  if (text.size() > 12 && text.substr(4, 4) == "ftyp") return "an AVIF, HEIC or MP4 file";
  std::string_view const head = text.substr(0, 32);
  bool const printable = std::ranges::all_of(head, [](unsigned char c) {
    return (c >= 0x20 && c < 0x7f) || c == '\n' || c == '\r' || c == '\t';
  });
  if (!printable) return fmt::format("{} bytes of an unknown format", text.size());
  std::string shown(head);
  std::ranges::replace_if(
      shown, [](char c) { return c < 0x20; }, ' ');
  return fmt::format("text beginning \"{}\"", shown);
}

MediaKind picture_kind(std::span<std::byte const> bytes) {
  if (bytes.empty()) throw DataError("not a picture: it is empty (0 bytes)");
  MediaKind const kind = media_kind(bytes);
  if (!is_image(kind))
    throw DataError(fmt::format("not a picture: found {}, expected JPEG, PNG or WebP",
                                describe(as_text(bytes))));
  return kind;
}

}  // namespace

void check_limits(ImageSize size, Index decoder_bytes, ImageLimits const& limits) {
  if (size.width <= 0 || size.height <= 0)
    throw DataError(
        fmt::format("a picture of {} x {} pixels has no content", size.width, size.height));
  if (size.width > limits.max_side || size.height > limits.max_side)
    throw DataError(fmt::format("a picture of {} x {} pixels exceeds the limit of {} on each side",
                                size.width, size.height, limits.max_side));
  if (size.width * size.height > limits.max_pixels)
    throw DataError(fmt::format("a picture of {} x {} pixels exceeds the limit of {} pixels",
                                size.width, size.height, limits.max_pixels));
  if (decoder_bytes > limits.max_bytes)
    throw DataError(fmt::format(
        "decoding a picture of {} x {} pixels takes {} bytes, more than the limit of {}",
        size.width, size.height, decoder_bytes, limits.max_bytes));
}

void flatten_on_white(std::vector<std::uint8_t>& pixels) {
  std::size_t const count = pixels.size() / 4;
  for (std::size_t i = 0; i < count; ++i) {
    unsigned const alpha = pixels[4 * i + 3];
    for (std::size_t channel = 0; channel < 3; ++channel) {
      unsigned const sum = pixels[4 * i + channel] * alpha + 255 * (255 - alpha);
      pixels[3 * i + channel] = static_cast<std::uint8_t>((sum + 127) / 255);
    }
  }
  pixels.resize(3 * count);
}

namespace {

Image decode_stored(MediaKind kind, std::span<std::byte const> bytes, ImageLimits const& limits,
                    Alpha alpha) {
  switch (kind) {
    case MediaKind::jpeg:
      return decode_jpeg(bytes, limits);
    case MediaKind::png:
      return decode_png(bytes, limits, alpha);
    default:
      return decode_webp(bytes, limits, alpha);
  }
}

}  // namespace

Image decode_image(std::span<std::byte const> bytes, ImageLimits const& limits, Alpha alpha,
                   Orientation orientation) {
  MediaKind const kind = picture_kind(bytes);
  Image stored = decode_stored(kind, bytes, limits, alpha);
  if (orientation == Orientation::stored) return stored;
  int const number = exif_orientation(kind, bytes);
  if (number != 1)  // the picture is held twice for a moment
    check_limits({stored.width, stored.height}, 2 * static_cast<Index>(stored.rgb.size()), limits);
  return upright(std::move(stored), number);
}

ImageSize image_size(std::span<std::byte const> bytes, ImageLimits const& limits) {
  switch (picture_kind(bytes)) {
    case MediaKind::jpeg:
      return read_jpeg_size(bytes, limits);
    case MediaKind::png:
      return read_png_size(bytes, limits);
    default:
      return read_webp_size(bytes, limits);
  }
}

}  // namespace accord::io
