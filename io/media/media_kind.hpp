#pragma once
// What a file holds, by its first bytes; names prove nothing. ID3 tags before a sound, and other
// bytes before the frames of an MP3, are looked past.

#include <cstddef>
#include <initializer_list>
#include <span>
#include <string_view>

namespace accord::io {

enum class MediaKind : std::uint8_t {
  unknown,
  jpeg,
  png,
  webp,
  wav,  ///< RF64 and BW64 too
  w64,
  aiff,
  flac,
  mp3,
  ogg,
  npy
};

MediaKind media_kind(std::span<std::byte const> bytes);

constexpr bool is_image(MediaKind kind) {
  return kind == MediaKind::jpeg || kind == MediaKind::png || kind == MediaKind::webp;
}
constexpr bool is_audio(MediaKind kind) { return kind >= MediaKind::wav && kind <= MediaKind::ogg; }

/// "jpg", "png", "webp", "wav", "w64", "aiff", "flac", "mp3", "ogg", "npy", and "bin" for the
/// unknown.
std::string_view extension_of(MediaKind kind);

/// Whether a file name ends in one of these small-lettered extensions, in any case.
bool has_extension(std::string_view name, std::initializer_list<std::string_view> extensions);
/// Likewise, of a picture or of a sound.
bool has_image_extension(std::string_view name);
bool has_audio_extension(std::string_view name);

}  // namespace accord::io
