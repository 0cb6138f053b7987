#include <fmt/format.h>

#include <string>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/sound_stream.hpp"
#include "io/media/until_end.hpp"

namespace accord::io {
namespace {

/// The common chunk, as far as it says how long a sound is.
struct AiffCommon {
  std::size_t at = 0;     ///< of its content in the file; 0: not seen
  std::size_t frame = 0;  ///< bytes of uncompressed samples; 0 of others
};

AiffCommon aiff_common(std::span<std::byte const> content, std::size_t at) {
  std::size_t const channels = big_endian<std::uint16_t>(content, 0);
  std::size_t sample = (big_endian<std::uint16_t>(content, 6) + 7u) / 8;
  if (content.size() >= 22) {
    std::string const coding(reinterpret_cast<char const*>(content.data() + 18), 4);
    if (coding == "ulaw" || coding == "ULAW" || coding == "alaw" || coding == "ALAW")
      sample = 1;  // the field has the bits of what they stand for
    else if (coding == "ima4" || coding == "GSM " || coding.starts_with("MAC") ||
             coding.starts_with("DWVW"))
      sample = 0;
  }
  return {at, channels * sample};
}

}  // namespace

SoundStream aiff_stream(std::span<std::byte const> aiff) {
  constexpr std::size_t chunk_header = 8, sound_header = 8;
  SoundStream stream{aiff, {}, 0, {}, {}};
  AiffCommon common;
  std::uint64_t const file_bytes = big_endian<std::uint32_t>(aiff, 4);
  for (std::size_t at = 12; aiff.size() - at >= chunk_header;) {
    std::string const name(reinterpret_cast<char const*>(aiff.data() + at), 4);
    std::size_t bytes = big_endian<std::uint32_t>(aiff, at + 4);
    std::size_t const begin = at + chunk_header, left = aiff.size() - begin;
    bool const open =
        name == "SSND" && (bytes <= sound_header ? common.at > 0 && left > sound_header
                                                 : bytes > left && (says_until_end(bytes) ||
                                                                    file_bytes + 8 == aiff.size()));
    if (open) {
      if (left <= sound_header) throw DataError("an AIFF without samples");
      if (common.frame == 0)
        throw DataError(
            "an AIFF of compressed or unknown samples that does not say how long it is");
      auto const samples = static_cast<std::uint32_t>(
          whole_frames(aiff.subspan(begin + sound_header), common.frame, "AIFF"));
      stream.patches.push_back({4, as_big_endian(static_cast<std::uint32_t>(aiff.size() - 8))});
      stream.patches.push_back(
          {common.at + 2, as_big_endian(static_cast<std::uint32_t>(samples / common.frame))});
      stream.patches.push_back(
          {at + 4, as_big_endian(static_cast<std::uint32_t>(samples + sound_header))});
      return stream;
    }
    if (bytes > left)
      throw DataError(fmt::format("a damaged AIFF: chunk '{}' reaches beyond the end", name));
    if (name == "COMM" && bytes >= 18) common = aiff_common(aiff.subspan(begin, bytes), begin);
    at = begin + bytes;
    at += at < aiff.size() ? bytes % 2 : 0;
  }
  if (common.at == 0) throw DataError("a damaged AIFF: no common chunk");
  return stream;
}

}  // namespace accord::io
