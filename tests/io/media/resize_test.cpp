#include "io/media/resize.hpp"

#include "core/base/error.hpp"
#include "tests/io/media/pictures.hpp"

using namespace accord;
using namespace accord::io;

namespace {

Image pattern(Index width, Index height, std::uint32_t seed = 1) {
  Image image{width, height, {}};
  for (Index i = 0; i < width * height * 3; ++i) {
    seed = seed * 1664525u + 1013904223u;
    image.rgb.push_back(static_cast<std::uint8_t>(seed >> 24));
  }
  return image;
}

ImageView view(Image const& image) { return {image.rgb.data(), image.width, image.height}; }

Image resize(Image const& image, Box box, int width, int height) {
  ResizeWorkspace workspace;
  Image out{width, height, std::vector<std::uint8_t>(static_cast<std::size_t>(width) * height * 3)};
  resize_bicubic(view(image), box, width, height, out.rgb.data(), workspace);
  return out;
}

Image resize(Image const& image, int width, int height) {
  return resize(image, {0, 0, image.width, image.height}, width, height);
}

Image cut(Image const& image, Box box) {
  Image part{box.width, box.height, {}};
  for (Index y = 0; y < box.height; ++y) {
    auto const begin = image.rgb.begin() + ((box.top + y) * image.width + box.left) * 3;
    part.rgb.insert(part.rgb.end(), begin, begin + box.width * 3);
  }
  return part;
}

}  // namespace

TEST(ResizeBicubic, GivesPillowsPixels) {
  Image const source = read_ppm("colour.png");
  EXPECT_EQ(resize(source, 11, 7).rgb, read_ppm("resized_smaller").rgb);
  EXPECT_EQ(resize(source, {3, 2, 17, 13}, 31, 29).rgb, read_ppm("resized_larger").rgb);
  EXPECT_EQ(resize(source, {1, 0, 23, 17}, 40, 5).rgb, read_ppm("resized_mixed").rgb);
}

TEST(ResizeBicubic, CopiesWhenNothingChanges) {
  Image const source = pattern(19, 7);
  EXPECT_EQ(resize(source, 19, 7).rgb, source.rgb);
}

TEST(ResizeBicubic, CutsBeforeItResamples) {
  Image const source = pattern(61, 47);
  for (Box box : {Box{0, 0, 61, 47}, Box{5, 3, 40, 40}, Box{60, 46, 1, 1}, Box{20, 46, 41, 1},
                  Box{59, 0, 2, 47}})
    for (int size : {1, 3, 16, 48, 100})
      EXPECT_EQ(resize(source, box, size, size + 1).rgb,
                resize(cut(source, box), size, size + 1).rgb)
          << box.left << ' ' << box.top << " to " << size;
}

TEST(ResizeBicubic, IsTheRowsThenTheColumns) {
  Image const source = pattern(53, 37);
  Image const rows = resize(source, 64, 37);
  EXPECT_EQ(resize(source, 64, 20).rgb, resize(rows, 64, 20).rgb);
}

TEST(ResizeBicubic, KeepsAConstantPictureConstant) {
  for (int const level : {0, 1, 128, 255}) {
    auto const value = static_cast<std::uint8_t>(level);
    Image const source{31, 23, std::vector<std::uint8_t>(31 * 23 * 3, value)};
    for (int size : {1, 2, 7, 30, 200})
      EXPECT_EQ(resize(source, size, size).rgb,
                std::vector<std::uint8_t>(static_cast<std::size_t>(size * size * 3), value));
  }
}

TEST(ResizeBicubic, WritesNothingPastItsOutput) {
  Image const source = pattern(9, 9);
  ResizeWorkspace workspace;
  for (int width = 1; width < 40; ++width)
    for (int height : {1, 2, 5}) {
      std::size_t const size =
          std::size_t{3} * static_cast<std::size_t>(width) * static_cast<std::size_t>(height);
      std::vector<std::uint8_t> out(size + 64, 0xa5);
      resize_bicubic(view(source), {0, 0, 9, 9}, width, height, out.data(), workspace);
      EXPECT_EQ(
          std::vector<std::uint8_t>(64, 0xa5),
          std::vector<std::uint8_t>(out.begin() + static_cast<std::ptrdiff_t>(size), out.end()))
          << width << " x " << height;
    }
}

TEST(ResizeBicubic, DoesNotDependOnWhatTheWorkspaceDidBefore) {
  ResizeWorkspace workspace;
  Image const big = pattern(300, 200, 3), small = pattern(20, 30, 4);
  std::vector<std::uint8_t> out(64 * 64 * 3);
  resize_bicubic(view(big), {0, 0, 300, 200}, 64, 64, out.data(), workspace);
  resize_bicubic(view(small), {0, 0, 20, 30}, 64, 64, out.data(), workspace);
  EXPECT_EQ(out, resize(small, 64, 64).rgb);
}

TEST(ResizeBicubic, RefusesABoxOutsideTheImage) {
  Image const source = pattern(9, 9);
  EXPECT_THROW(resize(source, {0, 0, 10, 9}, 4, 4), Error);
  EXPECT_THROW(resize(source, {-1, 0, 5, 5}, 4, 4), Error);
  EXPECT_THROW(resize(source, {0, 0, 0, 5}, 4, 4), Error);
}
