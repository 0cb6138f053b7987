#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/mpeg.hpp"
#include "io/media/sound_stream.hpp"
#include "io/media/tags.hpp"

namespace accord::io {
namespace {

constexpr std::size_t mpeg_header = 4;
constexpr std::size_t largest_frame = 2881;  // layer II, 384 kbit/s at 16 kHz, padded: no other is
constexpr int frames_to_believe = 4;         ///< in a row, where anything may lie before

/// The header of a frame.
struct MpegFrame {
  std::uint32_t bits = 0;
  int layer = 0;  ///< 1 to 3
  bool version_1 = false;
  Index samples = 0;      ///< per channel
  std::size_t bytes = 0;  ///< header included; 0: free format, the next frame says it

  /// Frames of one stream have version, layer and rate in common, and whether they are free format.
  bool goes_with(MpegFrame const& other) const {
    constexpr std::uint32_t common = 0xfffe0c00;
    return (bits & common) == (other.bits & common) && (bytes == 0) == (other.bytes == 0);
  }
  bool padded() const { return (bits >> 9 & 1) != 0; }
  std::size_t slot() const { return layer == 1 ? 4 : 1; }
  bool mono() const { return (bits >> 6 & 3) == 3; }
};

std::optional<MpegFrame> mpeg_frame(std::span<std::byte const> bytes, std::size_t at) {
  constexpr std::array<std::array<std::uint16_t, 16>, 5> kilobits = {{
      {0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448, 0},
      {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 0},
      {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
      {0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256, 0},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
  }};
  constexpr std::array<std::size_t, 3> rates = {44100, 48000, 32000};
  if (at > bytes.size() || bytes.size() - at < mpeg_header) return std::nullopt;
  MpegFrame frame;
  frame.bits = big_endian<std::uint32_t>(bytes, at);
  unsigned const version = frame.bits >> 19 & 3, rate_code = frame.bits >> 10 & 3,
                 bits_code = frame.bits >> 12 & 15;
  frame.layer = 4 - static_cast<int>(frame.bits >> 17 & 3);
  if (frame.bits >> 21 != 0x7ff || version == 1 || frame.layer == 4 || rate_code == 3 ||
      bits_code == 15)
    return std::nullopt;
  frame.version_1 = version == 3;
  auto const layer = static_cast<std::size_t>(frame.layer);
  std::size_t const table = frame.version_1 ? layer - 1 : layer == 1 ? 3 : 4;
  std::size_t const rate = rates[rate_code] >> (version == 3 ? 0 : version == 2 ? 1 : 2);
  frame.samples = layer == 1 ? 384 : layer == 3 && !frame.version_1 ? 576 : 1152;
  std::size_t const slots = static_cast<std::size_t>(frame.samples) / 8 / frame.slot() *
                            kilobits[table][bits_code] * 1000 / rate;
  frame.bytes = slots == 0 ? 0 : (slots + (frame.padded() ? 1 : 0)) * frame.slot();
  return frame;
}

/// Bytes of the frame at `at`. In free format the next frame is looked for; the last has the bytes
/// of the one before it, `before` (0: there is none). 0: not known.
std::size_t frame_bytes_at(std::span<std::byte const> bytes, std::size_t at, MpegFrame const& frame,
                           std::size_t before) {
  if (frame.bytes > 0) return frame.bytes;
  for (std::size_t next = at + mpeg_header; next < bytes.size() && next - at <= largest_frame;
       ++next)
    if (auto const other = mpeg_frame(bytes, next); other && other->goes_with(frame))
      return next - at;
  return before <= bytes.size() - at ? before : 0;
}

/// A row of frames, one behind the other.
struct MpegRow {
  std::size_t end = 0;
  Index frames = 0;
  bool cut = false;  ///< a frame begins at `end` that is not all there
};

/// Those from `at` on, which go with the first; at most `most`.
MpegRow mpeg_row(std::span<std::byte const> bytes, std::size_t at, Index most) {
  MpegRow row{at, 0, false};
  std::optional<MpegFrame> const first = mpeg_frame(bytes, at);
  std::size_t before = 0;
  for (auto frame = first; frame && frame->goes_with(*first) && row.frames < most;
       frame = mpeg_frame(bytes, row.end)) {
    before = frame_bytes_at(bytes, row.end, *frame, before);
    if (before == 0 || before > bytes.size() - row.end) {
      row.cut = true;
      break;
    }
    row.end += before;
    ++row.frames;
    row.end += leading_tag_bytes(bytes.subspan(row.end));  // of files that were put together
  }
  return row;
}

/// Where frames begin that can be believed: so many in a row, or a row up to the end. The size of
/// the bytes: nowhere.
std::size_t first_mpeg_frame(std::span<std::byte const> bytes, std::size_t begin) {
  for (std::size_t at = begin; at < bytes.size(); ++at) {
    if (bytes[at] != std::byte{0xff}) continue;
    MpegRow const row = mpeg_row(bytes, at, frames_to_believe);
    bool const to_the_end = row.end == bytes.size() && row.frames > 0;
    if (row.frames == frames_to_believe || to_the_end) return at;
  }
  return bytes.size();
}

/// What a first frame says that holds no sound, but how much follows.
struct InfoFrame {
  bool counts = false;
  std::size_t count_at = 0;  ///< in the file, where it does
  std::uint32_t frames = 0, bytes = 0;
};

std::optional<InfoFrame> info_frame(std::span<std::byte const> bytes, std::size_t at,
                                    MpegFrame const& frame) {
  if (frame.layer != 3) return std::nullopt;
  std::size_t const side = frame.version_1 ? (frame.mono() ? 17 : 32) : (frame.mono() ? 9 : 17);
  std::size_t const tag = at + mpeg_header + side;
  if (stands_at(bytes, at + mpeg_header + 32, "VBRI")) return InfoFrame{};
  if ((!stands_at(bytes, tag, "Xing") && !stands_at(bytes, tag, "Info")) || bytes.size() - tag < 16)
    return std::nullopt;
  constexpr std::uint32_t has_frames = 1, has_bytes = 2;
  auto const flags = big_endian<std::uint32_t>(bytes, tag + 4);
  InfoFrame info;
  if ((flags & has_frames) == 0) return info;
  info.counts = true;
  info.count_at = tag + 8;
  info.frames = big_endian<std::uint32_t>(bytes, tag + 8);
  if ((flags & has_bytes) != 0) info.bytes = big_endian<std::uint32_t>(bytes, tag + 12);
  return info;
}

/// Frames of no sound, as those of the stream are: to be shown behind its end.
std::vector<std::byte> silent_frame(std::span<std::byte const> bytes, std::size_t at,
                                    std::size_t size) {
  std::vector<std::byte> silent(size);
  std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), mpeg_header, silent.begin());
  return silent;
}

}  // namespace

bool holds_mpeg_frames(std::span<std::byte const> bytes) {
  constexpr std::size_t most_before = 1 << 16;
  bytes = bytes.first(std::min(bytes.size(), most_before));
  for (std::size_t at = 0; at < bytes.size(); ++at)
    if (bytes[at] == std::byte{0xff} &&
        mpeg_row(bytes, at, frames_to_believe).frames == frames_to_believe)
      return true;
  return false;
}

SoundStream mpeg_stream(std::span<std::byte const> mpeg) {
  mpeg = without_trailing_tags(mpeg);
  std::size_t begin = leading_tag_bytes(mpeg);
  // One right behind the tags needs no others to be believed where nothing else can be.
  if (MpegRow const row = mpeg_row(mpeg, begin, frames_to_believe);
      row.frames < frames_to_believe && row.end < mpeg.size() && !row.cut)
    if (std::size_t const found = first_mpeg_frame(mpeg, begin); found < mpeg.size()) begin = found;
  std::optional<MpegFrame> first = mpeg_frame(mpeg, begin);
  if (!first) throw DataError("a damaged MP3: it holds no frames");
  MpegRow row = mpeg_row(mpeg, begin, std::numeric_limits<Index>::max());
  if (row.cut) throw DataError("a damaged MP3: the data end within a frame");
  if (std::size_t const next = first_mpeg_frame(mpeg, row.end); next < mpeg.size())
    throw DataError(fmt::format("a damaged MP3: no frame at byte {} of {}, and again one at {}",
                                row.end, mpeg.size(), next));
  std::optional<InfoFrame> const info = info_frame(mpeg, begin, *first);
  SoundStream stream;
  if (info && info->counts) {
    auto const there = static_cast<std::uint32_t>(row.frames - 1);
    bool const says_nothing = info->frames == 0 || info->frames >= 0x7f000000;
    // Some writers count the frame of the count too. If its bytes are all there, so are the frames.
    bool const bytes_there = info->bytes > 0 && info->bytes <= row.end - begin;
    if (!says_nothing && !bytes_there && info->frames > there + 1)
      throw DataError(fmt::format("a damaged MP3: {} frames where its first one counts {}", there,
                                  info->frames));
    stream.bytes = mpeg.subspan(begin, row.end - begin);
    if (info->frames != there)
      stream.patches.push_back({info->count_at - begin, as_big_endian(there)});
    return stream;
  }
  if (info) {
    begin += frame_bytes_at(mpeg, begin, *first, 0);
    --row.frames;
  }
  first = mpeg_frame(mpeg, begin);
  if (!first || row.frames == 0) throw DataError("an MP3 without samples");
  stream.bytes = mpeg.subspan(begin, row.end - begin);
  stream.frames = row.frames * first->samples;
  stream.more = silent_frame(mpeg, begin, frame_bytes_at(mpeg, begin, *first, 0));
  return stream;
}

}  // namespace accord::io
