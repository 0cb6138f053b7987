#include "io/media/media_kind.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "io/media/mpeg.hpp"
#include "io/media/tags.hpp"

namespace accord::io {

namespace {

MediaKind kind_at_front(std::span<std::byte const> bytes) {
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 16));
  if (text.starts_with("\xFF\xD8\xFF")) return MediaKind::jpeg;
  if (text.starts_with("\x89PNG\r\n\x1A\n")) return MediaKind::png;
  std::string_view const form = text.substr(0, 4),
                         type = text.size() >= 12 ? text.substr(8, 4) : "";
  if (form == "RIFF" && type == "WEBP") return MediaKind::webp;
  if ((form == "RIFF" || form == "RF64" || form == "BW64") && type == "WAVE") return MediaKind::wav;
  if (form == "FORM" && (type == "AIFF" || type == "AIFC")) return MediaKind::aiff;
  if (text.starts_with("riff\x2E\x91\xCF\x11")) return MediaKind::w64;
  if (text.starts_with("fLaC")) return MediaKind::flac;
  if (text.starts_with("OggS")) return MediaKind::ogg;
  if (text.starts_with("\x93NUMPY")) return MediaKind::npy;
  // An MPEG audio frame: 11 bits of sync, a layer that exists.
  if (text.size() >= 2 && text[0] == '\xFF' && (text[1] & 0xE0) == 0xE0 && (text[1] & 0x06) != 0)
    return MediaKind::mp3;
  return MediaKind::unknown;
}

}  // namespace

MediaKind media_kind(std::span<std::byte const> bytes) {
  if (std::size_t const tags = leading_tag_bytes(bytes); tags > 0) {
    MediaKind const kind = kind_at_front(bytes.subspan(tags));
    return kind == MediaKind::flac || kind == MediaKind::ogg ? kind : MediaKind::mp3;
  }
  MediaKind const kind = kind_at_front(bytes);
  return kind == MediaKind::unknown && holds_mpeg_frames(bytes) ? MediaKind::mp3 : kind;
}

std::string_view extension_of(MediaKind kind) {
  constexpr std::array<std::string_view, 11> names{"bin",  "jpg",  "png", "webp", "wav", "w64",
                                                   "aiff", "flac", "mp3", "ogg",  "npy"};
  return names[static_cast<std::size_t>(kind)];
}

bool has_extension(std::string_view name, std::initializer_list<std::string_view> extensions) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c);
  });
  return std::any_of(extensions.begin(), extensions.end(),
                     [&](std::string_view extension) { return lower.ends_with(extension); });
}

bool has_image_extension(std::string_view name) {
  return has_extension(name, {".jpg", ".jpeg", ".png", ".webp"});
}

bool has_audio_extension(std::string_view name) {
  return has_extension(name, {".wav", ".rf64", ".bw64", ".w64", ".aif", ".aiff", ".aifc", ".flac",
                              ".mp3", ".ogg", ".oga", ".opus"});
}

}  // namespace accord::io
