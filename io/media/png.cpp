#include <fmt/format.h>
#include <spng.h>

#include <memory>

#include "core/base/error.hpp"
#include "io/media/codec.hpp"

namespace accord::io {
namespace {

/// Ancillary chunks (profiles, texts) are of no use here; this much of them is tolerated.
constexpr std::size_t max_chunk_bytes = 16 << 20;

struct ContextDeleter {
  void operator()(spng_ctx* context) const noexcept { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, ContextDeleter>;

void check(int code) {
  if (code != SPNG_OK) throw DataError(fmt::format("a damaged PNG: {}", spng_strerror(code)));
}

ImageSize size_of(spng_ihdr const& header) { return {header.width, header.height}; }

// Sides and pixels are checked here, so that products of them do not overflow.
Context open(std::span<std::byte const> bytes, spng_ihdr& header, ImageLimits const& limits) {
  Context context(spng_ctx_new(0));
  if (!context) throw Error("libspng: out of memory");
  check(spng_set_png_buffer(context.get(), bytes.data(), bytes.size()));
  check(spng_set_chunk_limits(context.get(), max_chunk_bytes, 2 * max_chunk_bytes));
  check(spng_get_ihdr(context.get(), &header));
  check_limits(size_of(header), 0, limits);
  return context;
}

}  // namespace

ImageSize read_png_size(std::span<std::byte const> bytes, ImageLimits const& limits) {
  spng_ihdr header{};
  Context const context = open(bytes, header, limits);
  check_limits(size_of(header), Index{header.width} * header.height * 3, limits);
  return size_of(header);
}

Image decode_png(std::span<std::byte const> bytes, ImageLimits const& limits, Alpha alpha) {
  spng_ihdr header{};
  Context const context = open(bytes, header, limits);
  Index const channels = alpha == Alpha::white ? 4 : 3;
  ImageSize const size = size_of(header);
  Index const pixel_bytes = size.width * size.height * channels;
  check_limits(size, pixel_bytes, limits);
  Image image{size.width, size.height,
              std::vector<std::uint8_t>(static_cast<std::size_t>(pixel_bytes))};
  int const format = alpha == Alpha::white ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;
  int const flags = alpha == Alpha::white ? SPNG_DECODE_TRNS : 0;
  check(spng_decode_image(context.get(), image.rgb.data(), image.rgb.size(), format, flags));
  check(spng_decode_chunks(context.get()));  // an end cut off is damage too
  if (alpha == Alpha::white) flatten_on_white(image.rgb);
  return image;
}

}  // namespace accord::io
