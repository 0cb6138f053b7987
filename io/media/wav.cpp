#include <fmt/format.h>

#include <optional>
#include <string>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/sound_stream.hpp"
#include "io/media/until_end.hpp"

namespace accord::io {
namespace {

constexpr std::size_t chunk_header = 8;
constexpr std::uint32_t all_ones = 0xffffffff;

/// What a format chunk says of uncompressed samples; 0 of others.
std::size_t frame_bytes(std::span<std::byte const> format) {
  constexpr std::uint16_t pcm = 1, ieee_float = 3, a_law = 6, mu_law = 7, extensible = 0xfffe;
  if (format.size() < 16) return 0;
  auto const tag = little_endian<std::uint16_t>(format, 0);
  bool const plain =
      tag == pcm || tag == ieee_float || tag == a_law || tag == mu_law || tag == extensible;
  return plain ? little_endian<std::uint16_t>(format, 12) : 0;
}

/// Whether what lies from `at` on is a row of chunks up to the end, and so no samples.
bool chunks_follow(std::span<std::byte const> wav, std::size_t at) {
  while (wav.size() - at >= chunk_header) {
    for (std::size_t i = 0; i < 4; ++i)
      if (auto const c = std::to_integer<unsigned char>(wav[at + i]); c < ' ' || c > '~')
        return false;
    std::size_t const bytes = little_endian<std::uint32_t>(wav, at + 4);
    if (bytes > wav.size() - at - chunk_header) return false;
    at += chunk_header + bytes;
    at += at < wav.size() ? bytes % 2 : 0;
  }
  return at == wav.size();
}

}  // namespace

SoundStream wav_stream(std::span<std::byte const> wav) {
  SoundStream stream{wav, {}, 0, {}, {}};
  bool const wide = !stands_at(wav, 0, "RIFF");
  std::optional<std::size_t> frame;  // bytes
  std::uint64_t wide_bytes = all_ones, file_bytes = little_endian<std::uint32_t>(wav, 4);
  for (std::size_t at = 12; wav.size() - at >= chunk_header;) {
    std::string const name(reinterpret_cast<char const*>(wav.data() + at), 4);
    std::uint64_t bytes = little_endian<std::uint32_t>(wav, at + 4);
    std::size_t const begin = at + chunk_header, left = wav.size() - begin;
    if (name == "data") {
      if (!frame) throw DataError("a damaged WAV: data before its format");
      if (wide && bytes == all_ones) bytes = wide_bytes;
      bool const open =
          bytes == 0 ? left > 0 && !chunks_follow(wav, begin)
                     : bytes > left && (says_until_end(bytes) || file_bytes + 8 == wav.size());
      if (!open && bytes > left)
        throw DataError("a damaged WAV: chunk 'data' reaches beyond the end");
      if (open) bytes = whole_frames(wav.subspan(begin), *frame, "WAV");
      if (bytes == 0) throw DataError("a WAV without samples");
      if (open || wide) {
        stream.patches.push_back(
            {0, {std::byte{'R'}, std::byte{'I'}, std::byte{'F'}, std::byte{'F'}}});
        stream.patches.push_back({4, as_little_endian(static_cast<std::uint32_t>(wav.size() - 8))});
        stream.patches.push_back({at + 4, as_little_endian(static_cast<std::uint32_t>(bytes))});
      }
      return stream;
    }
    if (bytes > left)
      throw DataError(fmt::format("a damaged WAV: chunk '{}' reaches beyond the end", name));
    std::span<std::byte const> const content = wav.subspan(begin, bytes);
    if (name == "fmt ") frame = frame_bytes(content);
    if (wide && name == "ds64" && bytes >= 16) {
      file_bytes = little_endian<std::uint64_t>(content, 0);
      wide_bytes = little_endian<std::uint64_t>(content, 8);
      // libsndfile knows not all of the wide forms: it reads an ordinary one, where this is unused.
      stream.patches.push_back(
          {at, {std::byte{'J'}, std::byte{'U'}, std::byte{'N'}, std::byte{'K'}}});
    }
    at = begin + bytes;
    at += at < wav.size() ? bytes % 2 : 0;
  }
  throw DataError("a damaged WAV: no data chunk");
}

}  // namespace accord::io
