#include <csetjmp>
#include <cstdio>
// jpeglib.h needs FILE and size_t declared before it
#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>

#include "core/base/error.hpp"
#include "io/media/codec.hpp"

namespace accord::io {
namespace {

/// libjpeg reports errors by a call that must not return, so each call into it runs under setjmp.
/// The functions that call setjmp hold nothing with a destructor: longjmp would skip it.
class Decoder {
 public:
  Decoder(std::span<std::byte const> bytes, ImageLimits const& limits) : limits_(limits) {
    info_.err = jpeg_std_error(&errors_);
    errors_.error_exit = [](j_common_ptr info) { self(info).fail(); };
    // Warnings (level -1) mostly mean damaged data that the
    // library papers over; other levels are trace output.
    errors_.emit_message = [](j_common_ptr info, int level) {
      if (level < 0 && !leaves_pixels_whole(info->err->msg_code)) self(info).fail();
    };
    info_.client_data = this;
    if (!open(bytes)) {
      jpeg_destroy_decompress(&info_);
      raise();
    }
  }
  ~Decoder() { jpeg_destroy_decompress(&info_); }
  Decoder(Decoder const&) = delete;
  Decoder& operator=(Decoder const&) = delete;

  ImageSize size() const { return {info_.image_width, info_.image_height}; }

  /// Output pixels, and the coefficients of all scans where they must be kept together.
  Index bytes_needed() {
    Index bytes = Index{info_.image_width} * info_.image_height * 3;
    if (jpeg_has_multiple_scans(&info_))
      for (int i = 0; i < info_.num_components; ++i)
        bytes += Index{info_.comp_info[i].width_in_blocks} * info_.comp_info[i].height_in_blocks *
                 static_cast<Index>(sizeof(JBLOCK));
    return bytes;
  }

  Image decode() {
    if (info_.num_components != 1 && info_.num_components != 3 && info_.num_components != 4)
      throw DataError(
          fmt::format("a JPEG with {} components; 1, 3 or 4 can be read", info_.num_components));
    bool const cmyk = info_.num_components == 4;
    info_.out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    Image image{size().width, size().height, {}};
    image.rgb.resize(static_cast<std::size_t>(image.width * image.height * 3));
    row_.resize(cmyk ? static_cast<std::size_t>(image.width) * 4 : 0);
    if (!read(image.rgb.data())) raise();
    return image;
  }

 private:
  /// Warnings about what stands beside the pixels: bytes between segments or behind the last row,
  /// versions and transforms that the library has not heard of, fields that it does not use.
  static bool leaves_pixels_whole(int warning) {
    return warning == JWRN_EXTRANEOUS_DATA || warning == JWRN_JFIF_MAJOR ||
           warning == JWRN_ADOBE_XFORM || warning == JWRN_NOT_SEQUENTIAL;
  }

  static Decoder& self(j_common_ptr info) { return *static_cast<Decoder*>(info->client_data); }

  [[noreturn]] void fail() {
    errors_.format_message(reinterpret_cast<j_common_ptr>(&info_), message_);
    std::longjmp(escape_, 1);
  }
  [[noreturn]] void raise() { throw DataError(fmt::format("a damaged JPEG: {}", message_)); }

  bool open(std::span<std::byte const> bytes) {
    if (setjmp(escape_)) return false;
    jpeg_create_decompress(&info_);
    jpeg_mem_src(&info_, reinterpret_cast<unsigned char const*>(bytes.data()), bytes.size());
    jpeg_read_header(&info_, TRUE);
    return true;
  }

  bool read(std::uint8_t* out) {
    if (setjmp(escape_)) return false;
    progress_.progress_monitor = [](j_common_ptr info) {
      Decoder& decoder = self(info);
      if (decoder.info_.input_scan_number <= decoder.limits_.max_scans) return;
      std::snprintf(decoder.message_, sizeof decoder.message_, "more than %d scans",
                    decoder.limits_.max_scans);
      std::longjmp(decoder.escape_, 1);
    };
    info_.progress = &progress_;
    jpeg_start_decompress(&info_);
    std::size_t const row_bytes = std::size_t{info_.output_width} * 3;
    while (info_.output_scanline < info_.output_height) {
      std::uint8_t* const target = out + info_.output_scanline * row_bytes;
      std::uint8_t* line = row_.empty() ? target : row_.data();
      jpeg_read_scanlines(&info_, &line, 1);
      if (!row_.empty()) pack_cmyk(row_.data(), info_.output_width, target);
    }
    jpeg_finish_decompress(&info_);
    return true;
  }

  /// Adobe stores ink inverted: a stored value is 255
  /// minus the ink, so c is already 1 - C and k is 1 - K.
  static void pack_cmyk(std::uint8_t const* cmyk, unsigned width, std::uint8_t* rgb) {
    for (unsigned x = 0; x < width; ++x, cmyk += 4, rgb += 3) {
      unsigned const light = cmyk[3];
      for (unsigned channel = 0; channel < 3; ++channel) {
        unsigned const ink = 255u - cmyk[channel];
        rgb[channel] = static_cast<std::uint8_t>(light - (ink * light + 127) / 255);
      }
    }
  }

  ImageLimits limits_;
  jpeg_decompress_struct info_{};
  jpeg_error_mgr errors_{};
  jpeg_progress_mgr progress_{};
  std::jmp_buf escape_{};
  char message_[JMSG_LENGTH_MAX] = {};
  std::vector<std::uint8_t> row_;
};

}  // namespace

ImageSize read_jpeg_size(std::span<std::byte const> bytes, ImageLimits const& limits) {
  Decoder decoder(bytes, limits);
  check_limits(decoder.size(), decoder.bytes_needed(), limits);
  return decoder.size();
}

Image decode_jpeg(std::span<std::byte const> bytes, ImageLimits const& limits) {
  Decoder decoder(bytes, limits);
  check_limits(decoder.size(), decoder.bytes_needed(), limits);
  return decoder.decode();
}

}  // namespace accord::io
