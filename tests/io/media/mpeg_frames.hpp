#pragma once
// Frames of MPEG audio and pages of Ogg made by hand.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "io/media/byte_order.hpp"

namespace accord::testing {

inline std::vector<std::byte> joined(std::vector<std::vector<std::byte>> const& parts) {
  std::vector<std::byte> all;
  for (auto const& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

inline std::vector<std::byte> repeated(std::vector<std::byte> const& part, int times) {
  return joined(std::vector<std::vector<std::byte>>(static_cast<std::size_t>(times), part));
}

/// One channel. `bitrate` and `rate` as headers code them.
struct SilentMpeg {
  unsigned version = 1, layer = 3, bitrate = 5, rate = 0;
  bool padded = false;
  std::size_t bytes = 0;  ///< 0: as the header says, which this knows for a few bit rates
};

inline std::vector<std::byte> silent_mpeg(SilentMpeg const& frame) {
  constexpr std::size_t kilobits[3][15] = {
      {0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320},
      {0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384},
      {0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160}};
  constexpr std::size_t rates[3] = {44100, 48000, 32000};
  std::size_t const table = frame.version == 2 ? 2 : frame.layer == 2 ? 1 : 0;
  std::size_t const rate = rates[frame.rate] / frame.version, slots = frame.version == 2 ? 72 : 144;
  std::size_t const bytes = frame.bytes > 0 ? frame.bytes
                                            : slots * kilobits[table][frame.bitrate] * 1000 / rate +
                                                  (frame.padded ? 1 : 0);
  std::vector<std::byte> all(bytes);
  unsigned const header = 0xffe00000u | (frame.version == 1 ? 3u : 2u) << 19 |
                          (4 - frame.layer) << 17 | 1u << 16 | frame.bitrate << 12 |
                          frame.rate << 10 | (frame.padded ? 1u : 0u) << 9 | 3u << 6;
  std::ranges::copy(io::as_big_endian(header), all.begin());
  return all;
}

/// A frame that counts those behind it. \param flags 1: it says `frames`
inline std::vector<std::byte> info_frame(std::string_view name, std::uint32_t flags,
                                         std::uint32_t frames) {
  std::vector<std::byte> all = silent_mpeg({.bitrate = 9});
  std::size_t const at = name == "VBRI" ? 36 : 21;
  std::memcpy(all.data() + at, name.data(), name.size());
  if (name == "VBRI") return all;
  std::ranges::copy(io::as_big_endian(flags), all.begin() + static_cast<std::ptrdiff_t>(at) + 4);
  std::ranges::copy(io::as_big_endian(frames), all.begin() + static_cast<std::ptrdiff_t>(at) + 8);
  return all;
}

/// Of a page, with zeros where it belongs.
inline std::uint32_t ogg_crc(std::span<std::byte const> page) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (i < 22 || i > 25) crc ^= std::to_integer<std::uint32_t>(page[i]) << 24;
    for (int bit = 0; bit < 8; ++bit) crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
  }
  return crc;
}

}  // namespace accord::testing
