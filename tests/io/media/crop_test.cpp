#include "io/media/crop.hpp"

#include <cmath>

#include "core/base/error.hpp"
#include "tests/io/media/pictures.hpp"

using namespace accord;
using namespace accord::io;

namespace {

Draws const draws(7, Purpose::crop);

std::vector<std::uint8_t> crop(Image const& image, CropSpec const& spec, std::uint64_t position,
                               int size) {
  ResizeWorkspace workspace;
  std::vector<std::uint8_t> out(static_cast<std::size_t>(size) * size * 3);
  crop_image({image.rgb.data(), image.width, image.height}, spec, draws, position, size, out.data(),
             workspace);
  return out;
}

}  // namespace

// Boxes from a program of its own, after docs/model.md 3.3 and the published Philox.
TEST(RandomResizedBox, IsAFixedFunctionOfSeedAndPosition) {
  CropSpec const spec{.kind = CropSpec::Kind::random_resized};
  EXPECT_EQ(random_resized_box(131, 97, spec, draws, 0), (Box{2, 1, 120, 96}));
  EXPECT_EQ(random_resized_box(131, 97, spec, draws, 2), (Box{3, 0, 126, 97}));
  EXPECT_EQ(random_resized_box(131, 97, spec, draws, (1ull << 32) + 1), (Box{1, 0, 129, 97}));
  CropSpec wide = spec;
  wide.min_scale = 0.2;
  EXPECT_EQ(random_resized_box(640, 480, wide, draws, 0), (Box{129, 23, 298, 372}));
  EXPECT_EQ(random_resized_box(640, 480, wide, draws, (1ull << 32) + 1), (Box{64, 154, 221, 288}));
}

TEST(RandomResizedBox, FallsBackToTheCentreOfALongPicture) {
  CropSpec const spec{.kind = CropSpec::Kind::random_resized};
  EXPECT_EQ(random_resized_box(300, 30, spec, draws, 0), (Box{130, 0, 40, 30}));
  EXPECT_EQ(random_resized_box(30, 300, spec, draws, 0), (Box{0, 130, 30, 40}));
}

TEST(RandomResizedBox, HasTheAreaAndRatioOfTheSpecification) {
  // 131 x 97, scale 0.9 to 1: area 0.9532 +- 0.0312, ratio 1.3059 +- 0.0309 over 4000 draws of the
  // official code; five standard errors of the difference.
  CropSpec const spec{.kind = CropSpec::Kind::random_resized};
  int const count = 4000;
  double area = 0, ratio = 0;
  for (int i = 0; i < count; ++i) {
    Box const box = random_resized_box(131, 97, spec, draws, static_cast<std::uint64_t>(i));
    ASSERT_TRUE(box.left >= 0 && box.top >= 0 && box.left + box.width <= 131 &&
                box.top + box.height <= 97);
    area += static_cast<double>(box.width * box.height) / (131 * 97) / count;
    ratio += static_cast<double>(box.width) / static_cast<double>(box.height) / count;
  }
  double const error = 5 * std::sqrt(2.0 / count);
  EXPECT_NEAR(area, 0.95321, error * 0.0312);
  EXPECT_NEAR(ratio, 1.30593, error * 0.0309);
}

TEST(CropImage, ShowsTheBoxOfItsPosition) {
  Image const image = read_ppm("colour.png");
  CropSpec const spec{.kind = CropSpec::Kind::random_resized, .min_scale = 0.3};
  ResizeWorkspace workspace;
  std::vector<std::uint8_t> expected(16 * 16 * 3);
  for (std::uint64_t position : {0, 1, 2}) {
    resize_bicubic({image.rgb.data(), 24, 18}, random_resized_box(24, 18, spec, draws, position),
                   16, 16, expected.data(), workspace);
    EXPECT_EQ(crop(image, spec, position, 16), expected);
  }
  EXPECT_NE(crop(image, spec, 0, 16), crop(image, spec, 1, 16));
}

TEST(CropImage, ShiftsTheWholePictureAndFillsWithWhite) {
  Image const image = read_ppm("colour.png");
  int const size = 20, most = 6;
  std::vector<std::uint8_t> const whole = crop(image, {}, 0, size);
  int const right[] = {-4, 3, 1, 6}, down[] = {-5, 1, 6, 2};  // draws 0 and 1 of positions 0 to 3
  for (int position = 0; position < 4; ++position) {
    auto const shifted = crop(image, {.kind = CropSpec::Kind::shift, .max_shift = most},
                              static_cast<std::uint64_t>(position), size);
    for (int y = 0; y < size; ++y)
      for (int x = 0; x < size * 3; ++x) {
        int const from_x = x - 3 * right[position], from_y = y - down[position];
        bool const inside = from_x >= 0 && from_x < 3 * size && from_y >= 0 && from_y < size;
        ASSERT_EQ(shifted[static_cast<std::size_t>(y * size * 3 + x)],
                  inside ? whole[static_cast<std::size_t>(from_y * size * 3 + from_x)] : 255)
            << position << ": " << x << ", " << y;
      }
  }
}

TEST(CropImage, SurvivesShiftsWiderThanThePicture) {
  Image const image = read_ppm("colour.png");
  for (std::uint64_t position = 0; position < 50; ++position)
    EXPECT_EQ(crop(image, {.kind = CropSpec::Kind::shift, .max_shift = 40}, position, 4).size(),
              48u);
}
