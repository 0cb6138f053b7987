#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "core/base/error.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/sound_stream.hpp"

namespace accord::io {
namespace {

constexpr std::size_t page_header = 27, flags_at = 5, serial_at = 14, crc_at = 22, segments_at = 26;
constexpr std::byte begins_stream{2}, ends_stream{4};

/// Bytes of the page at `at`, which begins as one; 0: it is cut.
std::size_t page_bytes(std::span<std::byte const> ogg, std::size_t at) {
  std::size_t const left = ogg.size() - at;
  if (left < page_header) return 0;
  std::size_t const segments = std::to_integer<std::size_t>(ogg[at + segments_at]);
  if (left < page_header + segments) return 0;
  std::size_t bytes = page_header + segments;
  for (std::size_t i = 0; i < segments; ++i)
    bytes += std::to_integer<std::size_t>(ogg[at + page_header + i]);
  return bytes <= left ? bytes : 0;
}

std::uint32_t page_crc(std::span<std::byte const> page) {
  std::uint32_t crc = 0;
  for (std::size_t i = 0; i < page.size(); ++i) {
    if (i < crc_at || i >= crc_at + 4) crc ^= std::to_integer<std::uint32_t>(page[i]) << 24;
    for (int bit = 0; bit < 8; ++bit) crc = crc << 1 ^ (crc >> 31 ? 0x04c11db7u : 0);
  }
  return crc;
}

/// Has the page say what `change` makes of it, with a check sum that fits.
void patch_page(SoundStream& stream, std::size_t at,
                std::function<void(std::span<std::byte>)> const& change) {
  auto const old = stream.bytes.subspan(at, page_bytes(stream.bytes, at));
  std::vector<std::byte> page(old.begin(), old.end());
  change(page);
  std::ranges::copy(as_little_endian(page_crc(page)), page.begin() + crc_at);
  stream.patches.push_back({at, std::move(page)});
}

/// The packets of the first stream, one behind the other: all that pages hold of it.
std::vector<std::byte> packets(std::span<std::byte const> link) {
  std::vector<std::byte> all;
  auto const serial = little_endian<std::uint32_t>(link, serial_at);
  for (std::size_t at = 0; at < link.size(); at += page_bytes(link, at)) {
    if (little_endian<std::uint32_t>(link, at + serial_at) != serial) continue;
    std::size_t const header = page_header + std::to_integer<std::size_t>(link[at + segments_at]);
    auto const body = link.subspan(at + header, page_bytes(link, at) - header);
    all.insert(all.end(), body.begin(), body.end());
  }
  return all;
}

/// A FLAC in Ogg, which libsndfile does not read, is one of its own behind nine bytes.
SoundStream flac_link(std::span<std::byte const> link) {
  constexpr std::ptrdiff_t mapping_bytes = 9;
  std::vector<std::byte> flac = packets(link);
  flac.erase(flac.begin(), flac.begin() + mapping_bytes);
  if (!stands_at(flac, 0, "fLaC")) throw DataError("a damaged Ogg: a FLAC without its beginning");
  SoundStream stream = flac_stream(flac);
  stream.own = std::move(flac);
  return stream;
}

/// A link that is whole, its last page at `last`. \throws DataError if its last packet is not there
SoundStream ogg_link(std::span<std::byte const> link, std::size_t last) {
  std::size_t const body = page_header + std::to_integer<std::size_t>(link[segments_at]);
  constexpr std::string_view flac_mapping =
      "\x7f"
      "FLAC\1";
  if (stands_at(link, body, flac_mapping) && page_bytes(link, 0) >= body + 9)
    return flac_link(link);
  SoundStream stream{link, {}, 0, {}, {}};
  if ((link[last + flags_at] & ends_stream) != std::byte{0}) return stream;
  // Recorders of streams never learn which page is the last. A packet that goes on is a cut.
  std::size_t const segments = std::to_integer<std::size_t>(link[last + segments_at]);
  if (segments > 0 && link[last + page_header + segments - 1] == std::byte{255})
    throw DataError("a damaged Ogg: the last page is missing");
  patch_page(stream, last, [](std::span<std::byte> page) { page[flags_at] |= ends_stream; });
  return stream;
}

/// Whether a page may have begun in the bytes at `at`, behind the last that is whole.
bool page_begins(std::span<std::byte const> ogg, std::size_t at) {
  constexpr std::string_view mark = "OggS";
  std::string_view const rest(reinterpret_cast<char const*>(ogg.data()) + at, ogg.size() - at);
  return rest.find(mark) != rest.npos || (!rest.empty() && mark.starts_with(rest));
}

}  // namespace

std::vector<SoundStream> ogg_streams(std::span<std::byte const> ogg) {
  std::vector<SoundStream> links;
  std::size_t at = 0, begin = 0, last = 0;
  bool in_header = true;  // pages that begin streams: several where streams are woven together
  for (; stands_at(ogg, at, "OggS"); at += page_bytes(ogg, at)) {
    if (page_bytes(ogg, at) == 0) throw DataError("a damaged Ogg: the data end within a page");
    bool const begins = (ogg[at + flags_at] & begins_stream) != std::byte{0};
    if (begins && !in_header) {
      links.push_back(ogg_link(ogg.subspan(begin, at - begin), last - begin));
      begin = at;
    }
    in_header = begins;
    last = at;
  }
  if (at == 0 || page_begins(ogg, at))
    throw DataError(fmt::format("a damaged Ogg: no page at byte {} of {}", at, ogg.size()));
  links.push_back(ogg_link(ogg.subspan(begin, at - begin), last - begin));
  return links;
}

}  // namespace accord::io
