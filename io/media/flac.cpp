#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/sound_stream.hpp"
#include "io/media/tags.hpp"

namespace accord::io {
namespace {

std::uint8_t flac_crc8(std::span<std::byte const> bytes) {
  unsigned crc = 0;
  for (std::byte const byte : bytes) {
    crc ^= std::to_integer<unsigned>(byte);
    for (int i = 0; i < 8; ++i) crc = (crc << 1 ^ (crc >> 7 ? 0x107u : 0)) & 0xff;
  }
  return static_cast<std::uint8_t>(crc);
}

/// CRC-16 of what lies behind a byte that moves from the back to the front: that of all suffixes in
/// one pass, so that a file of nothing but beginnings of frames costs no more than another.
class FlacSuffixCrc {
 public:
  /// The suffix grows by this byte at its front. Returns its CRC; 0 of a whole frame.
  unsigned grow(std::byte front) {
    for (int bit = 0; bit < 8; ++bit) {
      if ((std::to_integer<unsigned>(front) >> bit & 1) != 0) crc_ ^= power_;
      power_ = (power_ << 1 ^ (power_ >> 15 ? 0x18005u : 0)) & 0xffff;
    }
    return crc_;
  }

 private:
  unsigned crc_ = 0;
  unsigned power_ = 0x8005;  // x^16, then what one bit of the next byte is worth
};

/// What the header of a frame says of its place.
struct FlacFrame {
  bool numbers_samples = false;  ///< `number` counts samples, not frames of one size
  std::uint64_t number = 0;
  Index samples = 0;
};

/// The frame whose header begins at `at`; nothing if none does.
std::optional<FlacFrame> flac_frame(std::span<std::byte const> flac, std::size_t at) {
  constexpr std::size_t longest = 16;
  auto const bytes = flac.subspan(at, std::min(longest, flac.size() - at));
  auto const value = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  if (bytes.size() < 6 || value(0) != 0xff || (value(1) & 0xfe) != 0xf8) return std::nullopt;
  FlacFrame frame{(value(1) & 1) != 0, 0, 0};
  unsigned const size_code = value(2) >> 4, rate_code = value(2) & 15;
  if (size_code == 0 || rate_code == 15) return std::nullopt;
  // Numbers are coded as UTF-8 would code them, up to 36 bits.
  unsigned const ones =
      static_cast<unsigned>(std::countl_one(static_cast<unsigned char>(value(4))));
  if (ones == 1 || ones == 8) return std::nullopt;
  std::size_t next = 4 + std::max(ones, 1u);
  std::size_t const size_bytes = size_code == 6   ? 1
                                 : size_code == 7 ? 2
                                                  : 0,
                    rate_bytes = rate_code == 12  ? 1
                                 : rate_code > 12 ? 2
                                                  : 0;
  if (bytes.size() < next + size_bytes + rate_bytes + 1) return std::nullopt;
  frame.number = value(4) & (0xffu >> (ones + 1));
  for (std::size_t i = 5; i < next; ++i) frame.number = frame.number << 6 | (value(i) & 0x3f);
  frame.samples = size_code == 1   ? 192
                  : size_code <= 5 ? Index{576} << (size_code - 2)
                  : size_code >= 8 ? Index{256} << (size_code - 8)
                  : size_code == 6 ? Index{value(next)} + 1
                                   : Index{big_endian<std::uint16_t>(bytes, next)} + 1;
  next += size_bytes + rate_bytes;
  if (flac_crc8(bytes.first(next)) != value(next)) return std::nullopt;
  return frame;
}

/// Where the metadata end and the frames begin. \throws DataError
std::size_t flac_frames_begin(std::span<std::byte const> flac) {
  for (std::size_t at = 4; flac.size() - at >= 4;) {
    std::uint32_t const header = big_endian<std::uint32_t>(flac, at);
    std::size_t const bytes = header & 0xffffff;
    at += 4;
    if (bytes > flac.size() - at) break;
    at += bytes;
    if (header >> 31 != 0) return at;
  }
  throw DataError("a damaged FLAC: the data end within its metadata");
}

/// The samples up to the end of the last frame, which must end where the file does and be whole by
/// its check sum; 0 if there is no such frame.
Index flac_samples(std::span<std::byte const> flac, std::size_t begin) {
  std::optional<FlacFrame> const first = flac_frame(flac, begin);
  if (!first) return 0;
  FlacSuffixCrc crc;
  for (std::size_t at = flac.size(); at-- > begin;) {
    if (crc.grow(flac[at]) != 0 || flac[at] != std::byte{0xff}) continue;
    std::optional<FlacFrame> const last = flac_frame(flac, at);
    if (!last || last->numbers_samples != first->numbers_samples) continue;
    auto const before = static_cast<Index>(last->number - first->number);
    return (last->numbers_samples ? before : before * first->samples) + last->samples;
  }
  return 0;
}

}  // namespace

SoundStream flac_stream(std::span<std::byte const> flac) {
  constexpr std::size_t stream_info = 42, total_at = 21;  // a nibble there, and four bytes
  flac = without_trailing_tags(flac.subspan(leading_tag_bytes(flac)));
  SoundStream stream{flac, {}, 0, {}, {}};
  if (flac.size() < stream_info) throw DataError("a damaged FLAC: its header is cut");
  auto const nibble = std::to_integer<std::uint8_t>(flac[total_at]);
  Index const total = Index{nibble & 15} << 32 | big_endian<std::uint32_t>(flac, total_at + 1);
  // The last frame is looked for where its number is needed: the header lacks it, or may lie.
  Index const counted = flac_samples(flac, flac_frames_begin(flac));
  if (total == 0 && counted <= 0)
    throw DataError(
        "a damaged FLAC: its header does not say how many samples there are, and its last frame is "
        "not whole");
  if (counted > total) {
    stream.patches.push_back({total_at, as_little_endian(static_cast<std::uint8_t>(
                                            (nibble & 0xf0) | (counted >> 32 & 15)))});
    stream.patches.push_back({total_at + 1, as_big_endian(static_cast<std::uint32_t>(counted))});
  }
  return stream;
}

}  // namespace accord::io
