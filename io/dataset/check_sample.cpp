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
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

constexpr std::size_t max_caption_bytes = 16 << 10;

/// Without blanks and byte-order marks at both ends.
std::string trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n\v\f", mark = "\xEF\xBB\xBF";
  for (std::size_t before = text.size() + 1; text.size() < before;) {
    before = text.size();
    text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
    text.remove_suffix(text.size() - (text.find_last_not_of(blanks) + 1));  // npos + 1 = 0
    if (text.starts_with(mark)) text.remove_prefix(mark.size());
    if (text.ends_with(mark)) text.remove_suffix(mark.size());
  }
  return std::string(text);
}

/// Of a caption or a label.
std::optional<Fault> check_encoding(std::string const& text, char const* what) {
  if (char const* encoding = foreign_encoding(text))
    return Fault{fmt::format("{} in {}", what, encoding), "save it as UTF-8"};
  if (!is_utf8(text)) return Fault{fmt::format("{} that is not UTF-8", what), ""};
  return std::nullopt;
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
  if (auto fault = check_encoding(text, "caption")) return fault;
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
Fault missing_item(std::string const& modality, std::string const& found) {
  ItemKind const kind = item_kind(modality);
  return {fmt::format("no {}", kind == ItemKind::caption ? "caption"
                               : kind == ItemKind::array ? modality
                                                         : rules_of(kind).name),
          found, true};
}

bool is_class_number(std::string const& text) {
  std::int32_t value = -1;
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0;
}

}  // namespace

std::optional<Fault> check_label(std::optional<std::string>& label, bool number) {
  if (!label) return Fault{"no label", ""};
  if (auto fault = check_encoding(*label, "label")) return fault;
  *label = trimmed(*label);
  if (label->empty()) return Fault{"empty label", ""};
  if (number && !is_class_number(*label)) return Fault{"label that is not a class number", *label};
  return std::nullopt;
}

std::optional<Fault> check_sample(Candidate& candidate, std::vector<std::string> const& modalities,
                                  MediaCheck check, std::vector<Fault>& left_out) {
  if (auto fault = check_key(candidate.key)) return fault;
  // Kept or not: one may decide what is held out.
  if (auto const captions = candidate.items.find("text"); captions != candidate.items.end())
    for (std::string& caption : captions->second)
      if (!foreign_encoding(caption)) caption = trimmed(caption);
  for (std::string const& modality : modalities) {
    auto const items = candidate.items.find(modality);
    if (items == candidate.items.end() || items->second.empty())
      return missing_item(modality, candidate.found);
    std::vector<Fault> faults;
    std::erase_if(items->second, [&](std::string const& item) {
      auto fault = check_item(item, item_kind(modality), check);
      if (fault) faults.push_back(std::move(*fault));
      return fault.has_value();
    });
    if (items->second.empty()) return faults.front();
    left_out.insert(left_out.end(), faults.begin(), faults.end());
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
