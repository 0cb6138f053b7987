#include "io/dataset/check_sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/error.hpp"
#include "io/media/audio.hpp"
#include "io/media/image.hpp"
#include "io/media/media_kind.hpp"
#include "io/text/normalise.hpp"

namespace accord::io {
namespace {

constexpr std::size_t max_caption_bytes = 16 << 10;

std::span<std::byte const> bytes_of(std::string const& text) {
  return std::as_bytes(std::span(text));
}

std::string trimmed(std::string const& text) {
  constexpr char const* blanks = " \t\r\n\v\f";
  std::size_t const begin = text.find_first_not_of(blanks);
  return begin == std::string::npos ? ""
                                    : text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

std::optional<Fault> check_key(std::string const& key) {
  if (key.empty() || key.size() > 255 || key.find('\0') != std::string::npos)
    return Fault{"unusable key",
                 fmt::format("{} bytes; 1 to 255 without NUL are accepted", key.size())};
  if (!is_utf8(key)) return Fault{"unusable key", "not UTF-8"};
  return std::nullopt;
}

std::optional<Fault> check_caption(std::optional<std::string>& text) {
  if (!text) return Fault{"no caption", "", true};
  *text = trimmed(*text);
  if (text->empty()) return Fault{"empty caption", ""};
  if (!is_utf8(*text)) return Fault{"caption that is not UTF-8", ""};
  if (text->size() > max_caption_bytes)
    return Fault{"caption too long", fmt::format("{} bytes", text->size())};
  return std::nullopt;
}

std::optional<Fault> check_image(std::optional<std::string> const& image, MediaCheck check) {
  if (!image) return Fault{"no picture", "", true};
  if (!is_image(media_kind(bytes_of(*image))))
    return Fault{"not a JPEG, PNG or WebP picture", fmt::format("{} bytes", image->size())};
  try {
    if (check == MediaCheck::decode)
      decode_image(bytes_of(*image));
    else
      image_size(bytes_of(*image));
  } catch (DataError const& error) {
    return Fault{"picture that cannot be decoded", error.what()};
  }
  return std::nullopt;
}

bool is_class_number(std::string const& text) {
  std::int32_t value = -1;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

std::optional<Fault> check_audio(std::optional<std::string> const& audio, MediaCheck check) {
  if (!audio) return Fault{"no sound", "", true};
  if (!is_audio(media_kind(bytes_of(*audio))))
    return Fault{"not a WAV, FLAC, MP3 or Ogg sound", fmt::format("{} bytes", audio->size())};
  try {
    if (check == MediaCheck::decode)
      decode_sound(bytes_of(*audio));
    else
      sound_shape(bytes_of(*audio));
  } catch (DataError const& error) {
    return Fault{"sound that cannot be decoded", error.what()};
  }
  return std::nullopt;
}

}  // namespace

std::optional<Fault> check_label(std::optional<std::string>& label, bool number) {
  if (!label) return Fault{"no label", ""};
  *label = trimmed(*label);
  if (label->empty()) return Fault{"empty label", ""};
  if (!is_utf8(*label)) return Fault{"label that is not UTF-8", ""};
  if (number && !is_class_number(*label)) return Fault{"label that is not a class number", *label};
  return std::nullopt;
}

std::optional<Fault> check_sample(Candidate& candidate, std::vector<std::string> const& modalities,
                                  MediaCheck check) {
  if (auto fault = check_key(candidate.key)) return fault;
  for (std::string const& modality : modalities) {
    auto fault = modality == "text"    ? check_caption(candidate.text)
                 : modality == "image" ? check_image(candidate.image, check)
                                       : check_audio(candidate.audio, check);
    if (fault) return fault;
  }
  return std::nullopt;
}

std::optional<Fault> read_classes(std::string const& label, std::vector<std::string> const& classes,
                                  std::vector<std::uint8_t>& flags) {
  flags.assign(classes.size(), 0);
  for (std::size_t begin = 0; begin <= label.size();) {
    std::size_t const end = std::min(label.find(',', begin), label.size());
    std::string const name = trimmed(label.substr(begin, end - begin));
    auto const found = std::find(classes.begin(), classes.end(), name);
    if (found == classes.end()) return Fault{"label that is no class listed", name};
    flags[static_cast<std::size_t>(found - classes.begin())] = 1;
    begin = end + 1;
  }
  return std::nullopt;
}

}  // namespace accord::io
