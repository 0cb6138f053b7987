// What stands beside the pixels of a picture: it never decides about them.
#include <gmock/gmock.h>
#include <zlib.h>

#include <map>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/exif.hpp"
#include "tests/io/media/pictures.hpp"

namespace accord::io {
namespace {

using ::testing::HasSubstr;

std::span<std::byte const> picture_bytes(std::string const& text) {
  return std::as_bytes(std::span(text));
}

/// What decode_image() says, "" if it does not refuse.
std::string picture_refusal(std::string const& bytes, Alpha alpha = Alpha::drop) {
  try {
    decode_image(picture_bytes(bytes), {}, alpha);
  } catch (DataError const& error) {
    return error.what();
  }
  return "";
}

void expect_pixels_of(std::string const& bytes, std::string const& name, std::string const& what) {
  ASSERT_EQ(picture_refusal(bytes), "") << what;
  EXPECT_EQ(decode_image(picture_bytes(bytes)).rgb, read_ppm(name).rgb) << what;
  EXPECT_EQ(image_size(picture_bytes(bytes)).width, read_ppm(name).width) << what;
}

template <class T>
std::string number(T value, bool big = true) {
  auto const bytes = big ? as_big_endian(value) : as_little_endian(value);
  return {reinterpret_cast<char const*>(bytes.data()), bytes.size()};
}

std::string segment(char marker, std::string const& content) {
  return std::string("\xff") + marker + number(static_cast<std::uint16_t>(content.size() + 2)) +
         content;
}

std::string chunk(std::string const& name, std::string const& data, std::uint32_t wrong = 0) {
  std::string const counted = name + data;
  auto const crc = static_cast<std::uint32_t>(
      crc32_z(0, reinterpret_cast<Bytef const*>(counted.data()), counted.size()));
  return number(static_cast<std::uint32_t>(data.size())) + counted + number(crc ^ wrong);
}

/// A block of EXIF with an orientation behind another entry.
std::string exif(int orientation, bool big, std::uint16_t type = 3) {
  auto const two = [&](unsigned value) { return number(static_cast<std::uint16_t>(value), big); };
  auto const four = [&](unsigned value) { return number(static_cast<std::uint32_t>(value), big); };
  auto const value = static_cast<unsigned>(orientation);
  return (big ? std::string("MM") : std::string("II")) + two(42) + four(8) + two(2) + two(0x0100) +
         two(4) + four(1) + four(640) + two(0x0112) + two(type) + four(1) +
         (type == 3 ? two(value) + two(0) : four(value)) + four(0);
}

std::string jpeg_with(std::string const& segments) {
  std::string const jpeg = read_picture("colour.jpg");
  return jpeg.substr(0, 2) + segments + jpeg.substr(2);
}
/// \param place 33: behind the header; before the end mark: the size without 12 bytes
std::string png_with(std::string const& chunks, std::string const& name = "colour.png",
                     std::size_t place = 33) {
  std::string const png = read_picture(name);
  return png.substr(0, place) + chunks + png.substr(place);
}
std::string webp_with(std::string const& chunk_name, std::string const& data) {
  std::string const webp = read_picture("lossy.webp");
  std::string const extended =
      std::string("VP8X") + number(10u, false) + std::string("\x08\0\0\0\x17\0\0\x11\0\0", 10);
  std::string const added = chunk_name + number(static_cast<std::uint32_t>(data.size()), false) +
                            data + std::string(data.size() % 2, '\0');
  std::string const content = "WEBP" + extended + webp.substr(12) + added;
  return "RIFF" + number(static_cast<std::uint32_t>(content.size()), false) + content;
}

TEST(JpegSurroundings, DecideNothing) {
  std::string const jpeg = read_picture("colour.jpg");
  std::size_t const table = jpeg.find("\xff\xdb"), end = jpeg.size() - 2;
  auto const inserted = [&](std::size_t at, std::string const& bytes) {
    return jpeg.substr(0, at) + bytes + jpeg.substr(at);
  };
  auto const version = [&](char major, char minor) {
    std::string changed = jpeg;
    changed[jpeg.find("JFIF") + 5] = major, changed[jpeg.find("JFIF") + 6] = minor;
    return changed;
  };
  std::map<std::string, std::string> const kinds = {
      {"bytes between segments", inserted(table, std::string(2, '\0'))},
      {"bytes before the end", inserted(end, std::string(245, '\0'))},
      {"text before the end", inserted(end, std::string(40, 'U'))},
      {"bytes behind the end", jpeg + std::string(1000, 'x')},
      {"another JPEG behind the end", jpeg + jpeg},
      {"JFIF 2.01", version(2, 1)},
      {"JFIF 1.99", version(1, 99)},
      {"JFIF 0.00", version(0, 0)},
      {"no EXIF in its segment", jpeg_with(segment('\xe1', std::string("Exif\0\0", 6)))},
      {"garbage for EXIF", jpeg_with(segment('\xe1', std::string("Exif\0\0garbage, no TIFF", 22)))},
      {"empty segments",
       jpeg_with(segment('\xe1', "") + segment('\xe2', "") + segment('\xed', ""))},
      {"a short Adobe segment", jpeg_with(segment('\xee', "Ado"))},
      {"a profile of one part of many",
       jpeg_with(segment('\xe2', std::string("ICC_PROFILE\0\7\1xyz", 17)))},
      {"a short JFIF segment", jpeg_with(segment('\xe0', "JF"))}};
  for (auto const& [what, bytes] : kinds) expect_pixels_of(bytes, "colour.jpg", what);
}

TEST(JpegSurroundings, AreNotThePixels) {
  std::string const jpeg = read_picture("colour.jpg");
  std::size_t const scan = jpeg.find("\xff\xda");
  EXPECT_THAT(picture_refusal(jpeg.substr(0, jpeg.size() - 2)), HasSubstr("Premature end"));
  std::string lost = jpeg;
  lost.erase(jpeg.size() - 40, 38);
  EXPECT_THAT(picture_refusal(lost), HasSubstr("premature end"));
  std::string ones = jpeg;
  for (std::size_t i = scan + 20; i < scan + 40; i += 2)
    ones.replace(i, 2, std::string("\xff\0", 2));
  EXPECT_THAT(picture_refusal(ones), HasSubstr("damaged JPEG"));
}

TEST(PngSurroundings, DecideNothing) {
  std::string texts;
  for (int i = 0; i < 3000; ++i)
    texts += chunk("tEXt", "Comment" + std::string(1, '\0') + "one more");
  std::size_t const end = read_picture("colour.png").size() - 12;
  std::map<std::string, std::string> const kinds = {
      {"empty EXIF", png_with(chunk("eXIf", ""))},
      {"garbage for EXIF", png_with(chunk("eXIf", "garbage"))},
      {"two EXIF", png_with(chunk("eXIf", exif(6, true)) + chunk("eXIf", exif(3, true)))},
      {"many texts", png_with(texts)},
      {"many texts at the end", png_with(texts, "colour.png", end)},
      {"a text with another sum", png_with(chunk("tEXt", std::string("a\0b", 3), 1))},
      {"a gamma with another sum", png_with(chunk("gAMA", std::string(4, '\1'), 1))},
      {"a gamma of 0", png_with(chunk("gAMA", std::string(4, '\0')))},
      {"two gammas", png_with(chunk("gAMA", number(45455u)) + chunk("gAMA", number(45455u)))},
      {"a profile of 17 MB",
       png_with(chunk("iCCP", std::string("p\0\0", 3) + std::string(17 << 20, 'x')))},
      {"a damaged compressed text", png_with(chunk("zTXt", std::string("a\0\0xxxx", 7)))},
      {"a transparency that does not fit", png_with(chunk("tRNS", "12345"))},
      {"a time that is none", png_with(chunk("tIME", std::string(7, '\xff')), "colour.png", end)},
      {"unknown chunks", png_with(chunk("npTc", "x") + chunk("vpAg", ""))},
      {"frames of an animation",
       png_with(chunk("acTL", number(2u) + number(0u)) + chunk("fcTL", std::string(26, '\0')))},
      {"bytes behind the end", read_picture("colour.png") + std::string(1000, 'x')}};
  for (auto const& [what, bytes] : kinds) expect_pixels_of(bytes, "colour.png", what);
  // The transparency of a palette is no surrounding where it is asked for.
  EXPECT_EQ(decode_image(picture_bytes(png_with(texts, "palette.png")), {}, Alpha::white).rgb,
            read_ppm("palette.png.white").rgb);
  EXPECT_EQ(
      picture_refusal(png_with(chunk("tRNS", std::string(300, '\1')), "grey.png"), Alpha::white),
      "");
}

TEST(PngSurroundings, AreNotThePixels) {
  for (std::string name : {"IHDR", "PLTE", "IDAT", "IEND"}) {
    std::string png = read_picture("palette.png");
    std::size_t const at = png.find(name);
    auto const bytes = io::big_endian<std::uint32_t>(picture_bytes(png), at - 4);
    png[at + 4 + bytes] = static_cast<char>(png[at + 4 + bytes] ^ 1);
    EXPECT_THAT(picture_refusal(png), HasSubstr("a damaged PNG")) << name;
  }
  std::string const png = read_picture("colour.png");
  EXPECT_THAT(picture_refusal(png.substr(0, png.size() - 12)),
              HasSubstr("end before its end mark"));
  EXPECT_THAT(picture_refusal(png.substr(0, png.size() - 20)), HasSubstr("end within chunk IDAT"));
  EXPECT_THAT(picture_refusal(png_with("unruly bytes between")), HasSubstr("no chunk at byte 33"));
  EXPECT_NE(picture_refusal(png_with(chunk("CRIT", ""))), "");
}

TEST(WebpSurroundings, DecideNothing) {
  expect_pixels_of(read_picture("lossy.webp") + std::string(100, 'x'), "lossy.webp",
                   "bytes behind");
  expect_pixels_of(webp_with("EXIF", ""), "lossy.webp", "empty EXIF");
  expect_pixels_of(webp_with("XMP ", "no XML"), "lossy.webp", "XMP");
  expect_pixels_of(webp_with("ABCD", "unknown"), "lossy.webp", "unknown");
  std::string const whole = webp_with("EXIF", exif(6, true));
  EXPECT_THAT(picture_refusal(whole.substr(0, whole.size() - 1)), HasSubstr("a damaged WebP"));
}

Image transposed(Image const& from) {
  Image to{from.height, from.width, from.rgb};
  for (Index y = 0; y < to.height; ++y)
    for (Index x = 0; x < to.width * 3; ++x)
      to.rgb[static_cast<std::size_t>(y * to.width * 3 + x)] =
          from.rgb[static_cast<std::size_t>((x / 3 * from.width + y) * 3 + x % 3)];
  return to;
}
Image flipped_down(Image const& from) {
  Image to{from.width, from.height, {}};
  for (Index y = from.height; y-- > 0;)
    to.rgb.insert(to.rgb.end(), from.rgb.begin() + y * from.width * 3,
                  from.rgb.begin() + (y + 1) * from.width * 3);
  return to;
}
Image flipped_over(Image const& from) { return transposed(flipped_down(transposed(from))); }

/// As the table of EXIF has it.
Image expected_of(Image const& x, int orientation) {
  switch (orientation) {
    case 2:
      return flipped_over(x);
    case 3:
      return flipped_down(flipped_over(x));
    case 4:
      return flipped_down(x);
    case 5:
      return transposed(x);
    case 6:
      return flipped_over(transposed(x));
    case 7:
      return flipped_down(flipped_over(transposed(x)));
    case 8:
      return flipped_down(transposed(x));
    default:
      return x;
  }
}

void expect_upright(std::string const& bytes, int orientation, std::string const& what) {
  Image const stored = decode_image(picture_bytes(bytes)),
              image = decode_image(picture_bytes(bytes), {}, Alpha::drop, Orientation::exif),
              expected = expected_of(stored, orientation);
  EXPECT_EQ(image.width, expected.width) << what;
  EXPECT_EQ(image.height, expected.height) << what;
  EXPECT_EQ(image.rgb, expected.rgb) << what;
}

std::string exif_segment(std::string const& block) {
  return segment('\xe1', std::string("Exif\0\0", 6) + block);
}

TEST(ExifOrientation, TurnsAllFormatsInBothByteOrders) {
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (bool big : {false, true}) {
      std::string const block = exif(orientation, big), what = std::to_string(orientation);
      expect_upright(jpeg_with(exif_segment(block)), orientation, "JPEG " + what);
      expect_upright(png_with(chunk("eXIf", block)), orientation, "PNG " + what);
      expect_upright(png_with(chunk("eXIf", block), "grey16.png"), orientation, "grey16 " + what);
      expect_upright(webp_with("EXIF", block), orientation, "WebP " + what);
      expect_upright(webp_with("EXIF", std::string("Exif\0\0", 6) + block), orientation, what);
      expect_upright(jpeg_with(exif_segment(exif(orientation, big, 4))), orientation,
                     "long " + what);
      expect_upright(
          jpeg_with(segment('\xe1', "http://ns.adobe.com/xap/1.0/") + "\1\2" + exif_segment(block)),
          orientation, "behind XMP and other bytes " + what);
    }
}

TEST(ExifOrientation, IsAsStoredWhereTheBlockIsDamaged) {
  for (std::string const& block :
       {exif(0, true), exif(9, true), exif(6, true, 12), std::string(), std::string("MM"),
        std::string("II*\0\xff\xff\xff\xff", 8), std::string("MM\0*\0\0\0\x08\xff\xff", 10),
        exif(6, true).substr(0, 30)}) {
    expect_upright(jpeg_with(exif_segment(block)), 1, "JPEG");
    expect_upright(png_with(chunk("eXIf", block)), 1, "PNG");
    expect_upright(webp_with("EXIF", block), 1, "WebP");
  }
  expect_upright(png_with(chunk("eXIf", exif(6, true), 1)), 1, "another sum");
  expect_upright(jpeg_with(""), 1, "none");
  expect_upright(jpeg_with(exif_segment("") + exif_segment(exif(6, true))), 6,
                 "the first sound one");
}

TEST(ExifOrientation, CountsThePictureTwiceAgainstTheLimit) {
  std::string const turned = png_with(chunk("eXIf", exif(6, true)));
  ImageLimits const limits{.max_bytes = 24 * 18 * 3 + 1};
  EXPECT_EQ(decode_image(picture_bytes(turned), limits).width, 24);
  EXPECT_THROW(decode_image(picture_bytes(turned), limits, Alpha::drop, Orientation::exif),
               DataError);
}

}  // namespace
}  // namespace accord::io
