#include "io/dataset/check_sample.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "core/base/error.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/media/array.hpp"
#include "io/media/audio.hpp"
#include "io/media/image.hpp"
#include "io/media/media_kind.hpp"
#include "io/text/normalise.hpp"

namespace accord::io {
namespace {

constexpr std::size_t max_caption_bytes = 16 << 10;

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

std::optional<Fault> check_caption(std::string const& text) {
  if (text.empty()) return Fault{"empty caption", ""};
  if (!is_utf8(text)) return Fault{"caption that is not UTF-8", ""};
  if (text.size() > max_caption_bytes)
    return Fault{"caption too long", fmt::format("{} bytes", text.size())};
  return std::nullopt;
}

/// What distinguishes the kinds of media.
struct MediaRules {
  char const* name;
  char const* expected;
  bool (*is_one)(MediaKind kind);
  void (*read_header)(std::span<std::byte const> bytes);
  void (*decode)(std::span<std::byte const> bytes);
};

constexpr MediaRules picture_rules{"picture", "a JPEG, PNG or WebP picture", is_image,
                                   [](auto bytes) { image_size(bytes); },
                                   [](auto bytes) { decode_image(bytes); }};
constexpr MediaRules sound_rules{"sound", "a WAV, FLAC, MP3 or Ogg sound", is_audio,
                                 [](auto bytes) { sound_shape(bytes); },
                                 [](auto bytes) { decode_sound(bytes); }};
constexpr MediaRules array_rules{
    "array", "a NumPy array (.npy)", [](MediaKind kind) { return kind == MediaKind::npy; },
    [](auto bytes) { array_shape(bytes); }, [](auto bytes) { decode_array(bytes); }};

std::optional<Fault> check_media(std::string const& item, MediaRules const& rules,
                                 MediaCheck check) {
  auto const bytes = std::as_bytes(std::span(item));
  if (!rules.is_one(media_kind(bytes)))
    return Fault{fmt::format("not {}", rules.expected), fmt::format("{} bytes", item.size())};
  try {
    (check == MediaCheck::decode ? rules.decode : rules.read_header)(bytes);
  } catch (DataError const& error) {
    return Fault{fmt::format("{} that cannot be decoded", rules.name), error.what()};
  }
  return std::nullopt;
}

MediaRules const& rules_of(ItemKind kind) {
  return kind == ItemKind::picture ? picture_rules
         : kind == ItemKind::sound ? sound_rules
                                   : array_rules;
}

std::optional<Fault> check_item(std::string const& item, ItemKind kind, MediaCheck check) {
  return kind == ItemKind::caption ? check_caption(item) : check_media(item, rules_of(kind), check);
}

/// "no picture", "no motion"
Fault missing_item(std::string const& modality) {
  ItemKind const kind = item_kind(modality);
  return {fmt::format("no {}", kind == ItemKind::caption ? "caption"
                               : kind == ItemKind::array ? modality
                                                         : rules_of(kind).name),
          "", true};
}

bool is_class_number(std::string const& text) {
  std::int32_t value = -1;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0;
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
  // Kept or not: it may decide what is held out.
  if (auto const caption = candidate.items.find("text"); caption != candidate.items.end())
    caption->second = trimmed(caption->second);
  for (std::string const& modality : modalities) {
    auto const item = candidate.items.find(modality);
    if (item == candidate.items.end()) return missing_item(modality);
    if (auto fault = check_item(item->second, item_kind(modality), check)) return fault;
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
