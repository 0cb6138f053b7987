#include <fmt/format.h>
#include <spng.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/codec.hpp"
#include "io/media/png_chunks.hpp"

namespace accord::io {
namespace {

struct ContextDeleter {
  void operator()(spng_ctx* context) const noexcept { spng_ctx_free(context); }
};
using Context = std::unique_ptr<spng_ctx, ContextDeleter>;

void check(int code) {
  if (code != SPNG_OK) throw DataError(fmt::format("a damaged PNG: {}", spng_strerror(code)));
}

ImageSize size_of(spng_ihdr const& header) { return {header.width, header.height}; }

// Sides and pixels are checked here, so that products of them do not overflow.
ImageSize open(std::span<std::byte const> bytes, Index channels, ImageLimits const& limits) {
  Context const context(spng_ctx_new(0));
  if (!context) throw Error("libspng: out of memory");
  check(spng_set_png_buffer(context.get(), bytes.data(), bytes.size()));
  spng_ihdr header{};
  check(spng_get_ihdr(context.get(), &header));
  ImageSize const size = size_of(header);
  check_limits(size, 0, limits);
  check_limits(size, size.width * size.height * channels, limits);
  return size;
}

/// The parts of a file, one behind the other, as libspng asks for them.
struct Parts {
  std::vector<std::span<std::byte const>> left;
  std::size_t part = 0;

  static int read(spng_ctx*, void* self, void* to, std::size_t count) {
    auto& [left, part] = *static_cast<Parts*>(self);
    for (auto* out = static_cast<std::byte*>(to); count > 0;) {
      if (part == left.size()) return SPNG_IO_EOF;
      std::size_t const taken = std::min(count, left[part].size());
      out = std::copy_n(left[part].begin(), taken, out);
      left[part] = left[part].subspan(taken);
      if (left[part].empty()) ++part;
      count -= taken;
    }
    return 0;
  }
};

/// What makes the pixels: all that is critical, and a transparency that fits. Profiles, texts and
/// times are passed over, whatever is in them and however much they are.
Parts pixel_parts(std::span<std::byte const> bytes) {
  Parts parts{{bytes.first(png_signature_bytes)}};
  std::size_t palette = 0;
  bool transparency = false;
  auto const colour = std::to_integer<unsigned>(bytes[png_colour_type_at]);
  for (PngChunk const& chunk : png_chunks(bytes)) {
    if (chunk.name == "PLTE") palette = chunk.data.size() / 3;
    if (!chunk.critical()) {
      std::size_t const size = chunk.data.size();
      bool const fits = colour == 0   ? size == 2
                        : colour == 2 ? size == 6
                                      : colour == 3 && size > 0 && size <= palette;
      if (chunk.name != "tRNS" || !fits || transparency || !chunk.is_sound()) continue;
      transparency = true;
    }
    parts.left.push_back(chunk.whole);
  }
  return parts;
}

}  // namespace

ImageSize read_png_size(std::span<std::byte const> bytes, ImageLimits const& limits) {
  return open(bytes, 3, limits);
}

Image decode_png(std::span<std::byte const> bytes, ImageLimits const& limits, Alpha alpha) {
  bool const white = alpha == Alpha::white;
  Index const channels = white ? 4 : 3;
  ImageSize const size = open(bytes, channels, limits);
  Parts parts = pixel_parts(bytes);
  Context const context(spng_ctx_new(0));
  if (!context) throw Error("libspng: out of memory");
  check(spng_set_png_stream(context.get(), Parts::read, &parts));
  Image image{
      size.width, size.height,
      std::vector<std::uint8_t>(static_cast<std::size_t>(size.width * size.height * channels))};
  int const format = white ? SPNG_FMT_RGBA8 : SPNG_FMT_RGB8;
  int const flags = white ? SPNG_DECODE_TRNS : 0;
  check(spng_decode_image(context.get(), image.rgb.data(), image.rgb.size(), format, flags));
  check(spng_decode_chunks(context.get()));
  if (white) flatten_on_white(image.rgb);
  return image;
}

}  // namespace accord::io
