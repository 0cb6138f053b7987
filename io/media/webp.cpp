#include <fmt/format.h>
#include <webp/decode.h>

#include "core/base/error.hpp"
#include "io/media/codec.hpp"

namespace accord::io {
namespace {

void check(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_OK:
      return;
    case VP8_STATUS_OUT_OF_MEMORY:
      throw Error("libwebp: out of memory");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
      throw DataError("a damaged WebP: the data end too early");
    default:
      throw DataError(
          fmt::format("a damaged WebP (status {} of libwebp)", static_cast<int>(status)));
  }
}

std::uint8_t const* begin(std::span<std::byte const> bytes) {
  return reinterpret_cast<std::uint8_t const*>(bytes.data());
}

/// Lossless pictures are held as 32-bit pixels beside the output.
WebPBitstreamFeatures open(std::span<std::byte const> bytes, ImageLimits const& limits) {
  WebPBitstreamFeatures features;
  check(WebPGetFeatures(begin(bytes), bytes.size(), &features));
  check_limits({features.width, features.height}, Index{features.width} * features.height * 8,
               limits);
  if (features.has_animation)
    throw DataError(
        "an animated WebP; only still pictures can be read: convert it, or leave it out");
  return features;
}

}  // namespace

ImageSize read_webp_size(std::span<std::byte const> bytes, ImageLimits const& limits) {
  WebPBitstreamFeatures const features = open(bytes, limits);
  return {features.width, features.height};
}

Image decode_webp(std::span<std::byte const> bytes, ImageLimits const& limits, Alpha alpha) {
  WebPDecoderConfig config;
  if (!WebPInitDecoderConfig(&config)) throw Error("libwebp: headers and library differ");
  config.input = open(bytes, limits);
  bool const flatten = alpha == Alpha::white && config.input.has_alpha;
  int const channels = flatten ? 4 : 3;
  Image image{config.input.width, config.input.height, {}};
  image.rgb.resize(static_cast<std::size_t>(image.width * image.height * channels));
  config.output.colorspace = flatten ? MODE_RGBA : MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA = {image.rgb.data(), config.input.width * channels, image.rgb.size()};
  check(WebPDecode(begin(bytes), bytes.size(), &config));
  if (flatten) flatten_on_white(image.rgb);
  return image;
}

}  // namespace accord::io
