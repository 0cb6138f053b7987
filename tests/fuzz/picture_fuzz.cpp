#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/media/image.hpp"
#include "tests/fuzz/format.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  std::vector<std::string> pictures;
  for (char const* name : {"alpha.png", "alpha.webp", "cmyk.jpg", "colour.jpg", "colour.png",
                           "colour16.png", "grey.jpg", "grey16.png", "grey_alpha.png", "lossy.webp",
                           "palette.png", "progressive.jpg", "two_levels.png", "ycck.jpg"})
    pictures.push_back(io::read_file(std::string(ACCORD_TEST_IMAGES "/") + name));
  return pictures;
}

void read(std::string const& input) {
  io::ImageLimits limits;
  limits.max_pixels = 1 << 18;  // so that a run tries many inputs
  limits.max_bytes = 8 << 20;
  auto const bytes = std::as_bytes(std::span(input));
  io::Image const image = io::decode_image(bytes, limits, io::Alpha::white);
  io::ImageSize const size = io::image_size(bytes, limits);
  io::decode_image(bytes, limits, io::Alpha::drop, io::Orientation::exif);
  if (size.width != image.width || size.height != image.height ||
      static_cast<Index>(image.rgb.size()) != 3 * size.width * size.height)
    throw Error("the header and the decoder do not agree on the size");
}

}  // namespace accord::fuzz
