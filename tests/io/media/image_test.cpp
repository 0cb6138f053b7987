#include "io/media/image.hpp"

#include <gmock/gmock.h>

#include "core/base/error.hpp"
#include "tests/io/media/pictures.hpp"

using namespace accord;
using namespace accord::io;
using ::testing::HasSubstr;

namespace {

template <class Call>
std::string message_of(Call&& call) {
  try {
    call();
  } catch (DataError const& error) {
    return error.what();
  }
  return "no DataError";
}

std::string decode_message(std::string const& bytes, ImageLimits const& limits = {}) {
  return message_of([&] { decode_image(bytes_of(bytes), limits); });
}

class Picture : public ::testing::TestWithParam<char const*> {};

}  // namespace

TEST_P(Picture, DecodesToThePixelsPillowReads) {
  Image const image = decode_image(bytes_of(read_picture(GetParam())));
  Image const expected = read_ppm(GetParam());
  EXPECT_EQ(image.width, expected.width);
  EXPECT_EQ(image.height, expected.height);
  EXPECT_EQ(image.rgb, expected.rgb);
}

TEST_P(Picture, HasTheSizeItsHeaderSays) {
  ImageSize const size = image_size(bytes_of(read_picture(GetParam())));
  EXPECT_EQ(size.width, 24);
  EXPECT_EQ(size.height, 18);
}

TEST_P(Picture, IsRefusedWhereverItIsCutShort) {
  std::string const whole = read_picture(GetParam());
  for (std::size_t size : {whole.size() - 12, whole.size() / 2, whole.size() / 4, std::size_t{20},
                           std::size_t{8}, std::size_t{1}})
    EXPECT_NE(decode_message(whole.substr(0, size)), "no DataError") << size << " bytes";
}

TEST_P(Picture, IsRefusedByEachLimitBeforeItIsDecoded) {
  std::string const bytes = read_picture(GetParam());
  EXPECT_THAT(decode_message(bytes, {.max_side = 23}),
              HasSubstr("24 x 18 pixels exceeds the limit of 23"));
  EXPECT_THAT(decode_message(bytes, {.max_pixels = 431}), HasSubstr("limit of 431 pixels"));
  EXPECT_THAT(decode_message(bytes, {.max_bytes = 1295}), HasSubstr("more than the limit of 1295"));
  EXPECT_THAT(message_of([&] { image_size(bytes_of(bytes), {.max_side = 23}); }),
              HasSubstr("limit of 23"));
}

INSTANTIATE_TEST_SUITE_P(Files, Picture,
                         ::testing::Values("colour.jpg", "progressive.jpg", "grey.jpg", "cmyk.jpg",
                                           "ycck.jpg", "colour.png", "grey.png", "two_levels.png",
                                           "alpha.png", "grey_alpha.png", "palette.png",
                                           "colour16.png", "grey16.png", "lossy.webp",
                                           "alpha.webp"),
                         [](auto const& info) {
                           std::string name = info.param;
                           name[name.find('.')] = '_';
                           return name;
                         });

TEST(Alpha, IsLaidOnWhiteWhenAsked) {
  for (char const* name : {"alpha.png", "grey_alpha.png", "palette.png", "alpha.webp"}) {
    Image const image = decode_image(bytes_of(read_picture(name)), {}, Alpha::white);
    EXPECT_EQ(image.rgb, read_ppm(std::string(name) + ".white").rgb) << name;
  }
}

TEST(Alpha, ChangesNothingInAnOpaquePicture) {
  for (char const* name : {"colour.jpg", "colour.png", "grey16.png", "lossy.webp"}) {
    Image const image = decode_image(bytes_of(read_picture(name)), {}, Alpha::white);
    EXPECT_EQ(image.rgb, read_ppm(name).rgb) << name;
  }
}

TEST(DecodeImage, SaysWhatItFoundInsteadOfAPicture) {
  EXPECT_THAT(decode_message(""), HasSubstr("empty"));
  EXPECT_THAT(decode_message("<!DOCTYPE html>\n<p>404"),
              HasSubstr("text beginning \"<!DOCTYPE html> <p>404\""));
  EXPECT_THAT(decode_message("GIF89a\1\1"), HasSubstr("a GIF"));
  EXPECT_THAT(decode_message(std::string(40, '\0')), HasSubstr("40 bytes of an unknown format"));
  EXPECT_THAT(decode_message(read_picture("animated.webp")), HasSubstr("an animated WebP"));
}

TEST(DecodeImage, RefusesFlippedBitsThatAFormatCanDetect) {
  std::string bytes = read_picture("colour.png");
  bytes[bytes.size() - 30] = static_cast<char>(bytes[bytes.size() - 30] ^ 1);
  EXPECT_THAT(decode_message(bytes), HasSubstr("a damaged PNG"));
}

TEST(DecodeImage, BoundsTheScansOfAProgressiveJpeg) {
  EXPECT_THAT(decode_message(read_picture("progressive.jpg"), {.max_scans = 3}),
              HasSubstr("more than 3 scans"));
}

TEST(DecodeImage, CountsTheCoefficientsOfAProgressiveJpeg) {
  // 24 x 18 RGB is 1296 bytes; with its coefficients it needs more, which a baseline file does not
  EXPECT_EQ(decode_message(read_picture("colour.jpg"), {.max_bytes = 1296}), "no DataError");
  EXPECT_THAT(decode_message(read_picture("progressive.jpg"), {.max_bytes = 1296}),
              HasSubstr("limit of 1296"));
}

TEST(DecodeImage, RefusesAHeaderThatPromisesAHugePicture) {
  std::string bytes = read_picture("colour.jpg");
  std::size_t const frame = bytes.find("\xff\xc0");
  ASSERT_NE(frame, std::string::npos);
  bytes.replace(frame + 5, 4, "\x75\x30\x75\x30");  // 30000 x 30000
  EXPECT_THAT(decode_message(bytes), HasSubstr("30000 x 30000 pixels exceeds the limit"));
  EXPECT_THAT(message_of([&] { image_size(bytes_of(bytes)); }), HasSubstr("30000 x 30000"));
}

// As many bytes as a 64-bit number does not hold, of a picture of one bit a pixel.
TEST(DecodeImage, RefusesAHeaderWithSidesWhoseProductOverflows) {
  std::string bytes = read_picture("colour.png").substr(0, 29);  // up to the end of IHDR
  bytes.replace(16, 10, "\x74\x75\x76\x77\x78\x79\x7a\x83\x01\x00", 10);
  EXPECT_THAT(decode_message(bytes), HasSubstr("1953855095 x 2021227139 pixels exceeds the limit"));
  EXPECT_THAT(message_of([&] { image_size(bytes_of(bytes)); }), HasSubstr("exceeds the limit"));
}
