#include "io/media/png_chunks.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"

namespace accord::io {

bool PngChunk::is_sound() const {
  std::size_t const counted = whole.size() - 8;  // all but length and check sum
  auto const* const from = reinterpret_cast<Bytef const*>(whole.data() + 4);
  return crc32_z(0, from, counted) == big_endian<std::uint32_t>(whole, whole.size() - 4);
}

std::vector<PngChunk> png_chunks(std::span<std::byte const> png) {
  constexpr std::size_t around = 12;
  std::vector<PngChunk> chunks;
  for (std::size_t at = png_signature_bytes;;) {
    if (png.size() - at < around)
      throw DataError("a damaged PNG: the data end before its end mark");
    std::size_t const bytes = big_endian<std::uint32_t>(png, at);
    std::string_view const name(reinterpret_cast<char const*>(png.data() + at + 4), 4);
    auto const letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
    if (!std::ranges::all_of(name, letter))
      throw DataError(fmt::format("a damaged PNG: no chunk at byte {}", at));
    if (bytes > png.size() - at - around)
      throw DataError(fmt::format("a damaged PNG: the data end within chunk {}", name));
    chunks.push_back({name, png.subspan(at, bytes + around), png.subspan(at + 8, bytes)});
    if (name == "IEND") return chunks;
    at += bytes + around;
  }
}

}  // namespace accord::io
