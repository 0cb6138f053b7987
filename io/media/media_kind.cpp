#include "io/media/media_kind.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace accord::io {

MediaKind media_kind(std::span<std::byte const> bytes) {
  std::string_view const text(reinterpret_cast<char const*>(bytes.data()),
                              std::min<std::size_t>(bytes.size(), 16));
  if (text.starts_with("\xFF\xD8\xFF")) return MediaKind::jpeg;
  if (text.starts_with("\x89PNG\r\n\x1A\n")) return MediaKind::png;
  if (text.starts_with("RIFF") && text.size() >= 12) {
    if (text.substr(8, 4) == "WEBP") return MediaKind::webp;
    if (text.substr(8, 4) == "WAVE") return MediaKind::wav;
  }
  if (text.starts_with("fLaC")) return MediaKind::flac;
  if (text.starts_with("OggS")) return MediaKind::ogg;
  if (text.starts_with("\x93NUMPY")) return MediaKind::npy;
  if (text.starts_with("ID3")) return MediaKind::mp3;
  // An MPEG audio frame: 11 bits of sync, a layer that exists.
  if (text.size() >= 2 && text[0] == '\xFF' && (text[1] & 0xE0) == 0xE0 && (text[1] & 0x06) != 0)
    return MediaKind::mp3;
  return MediaKind::unknown;
}

std::string_view extension_of(MediaKind kind) {
  constexpr std::array<std::string_view, 9> names{"bin",  "jpg", "png", "webp", "wav",
                                                  "flac", "mp3", "ogg", "npy"};
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
  return has_extension(name, {".wav", ".flac", ".mp3", ".ogg"});
}

}  // namespace accord::io
