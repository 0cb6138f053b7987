#include "io/dataset/png_encode.hpp"

#include <spng.h>

#include <cstdlib>
#include <memory>

#include "core/base/check.hpp"

namespace accord::io {

std::vector<std::byte> encode_png(std::span<std::uint8_t const> rgb, Index width, Index height) {
  ACCORD_CHECK(static_cast<Index>(rgb.size()) == width * height * 3, "{} bytes for {} x {} pixels",
               rgb.size(), width, height);
  auto const free_context = [](spng_ctx* context) { spng_ctx_free(context); };
  std::unique_ptr<spng_ctx, decltype(free_context)> const context(spng_ctx_new(SPNG_CTX_ENCODER),
                                                                  free_context);
  spng_set_option(context.get(), SPNG_ENCODE_TO_BUFFER, 1);
  spng_ihdr header{};
  header.width = static_cast<std::uint32_t>(width);
  header.height = static_cast<std::uint32_t>(height);
  header.bit_depth = 8;
  header.color_type = SPNG_COLOR_TYPE_TRUECOLOR;
  spng_set_ihdr(context.get(), &header);
  int error =
      spng_encode_image(context.get(), rgb.data(), rgb.size(), SPNG_FMT_PNG, SPNG_ENCODE_FINALIZE);
  ACCORD_CHECK(error == 0, "libspng: {}", spng_strerror(error));
  std::size_t size = 0;
  std::unique_ptr<void, decltype(&std::free)> const png(
      spng_get_png_buffer(context.get(), &size, &error), &std::free);
  ACCORD_CHECK(png != nullptr, "libspng: {}", spng_strerror(error));
  auto const* bytes = static_cast<std::byte const*>(png.get());
  return {bytes, bytes + size};
}

}  // namespace accord::io
