#include <fmt/format.h>

#include <string_view>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/sound_stream.hpp"
#include "io/media/until_end.hpp"

namespace accord::io {

// Chunks have a name of 16 bytes and a size of 8, which counts both; they begin at multiples of 8.
SoundStream w64_stream(std::span<std::byte const> w64) {
  constexpr std::size_t header = 24, first_chunk = 40;
  SoundStream stream{w64, {}, 0, {}, {}};
  if (w64.size() < first_chunk) throw DataError("a damaged W64: its header is cut");
  std::uint64_t const file_bytes = little_endian<std::uint64_t>(w64, 16);
  std::size_t frame = 0;
  for (std::size_t at = first_chunk; at <= w64.size() && w64.size() - at >= header;) {
    std::uint64_t const size = little_endian<std::uint64_t>(w64, at + 16);
    std::size_t const begin = at + header, left = w64.size() - begin;
    if (stands_at(w64, at, "data")) {
      bool const open = size <= header ? left > 0
                                       : size - header > left &&
                                             (says_until_end(size) || file_bytes == w64.size());
      if (!open && size > header + left)
        throw DataError("a damaged W64: chunk 'data' reaches beyond the end");
      if (!open && size <= header) throw DataError("a W64 without samples");
      if (open) {
        std::uint64_t const bytes = whole_frames(w64.subspan(begin), frame, "W64");
        stream.patches.push_back({16, as_little_endian<std::uint64_t>(w64.size())});
        stream.patches.push_back({at + 16, as_little_endian(header + bytes)});
      }
      return stream;
    }
    if (size < header || size - header > left)
      throw DataError(
          fmt::format("a damaged W64: a chunk of {} bytes at byte {} of {}", size, at, w64.size()));
    if (stands_at(w64, at, "fmt ") && size >= header + 16)
      frame = little_endian<std::uint16_t>(w64, begin + 12);
    at += (size + 7) / 8 * 8;
  }
  throw DataError("a damaged W64: no data chunk");
}

}  // namespace accord::io
