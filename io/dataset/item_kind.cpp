#include "io/dataset/item_kind.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <tuple>

#include "core/base/error.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

constexpr std::size_t max_kind_name_bytes = 32;
/// Names that shards and tables have for other things.
constexpr std::array<std::string_view, 7> taken{"key",      "label",   "checksum", "id",
                                                "image_id", "uniq_id", "caption"};

std::string in_small_letters(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// \param plain_arrays  whether .npy alone may be an array of the only modality that holds some
std::optional<ItemFile> item_of(std::string const& name, NameParts const& parts,
                                std::vector<std::string> const& modalities, bool plain_arrays) {
  auto const& [key, field] = parts;
  if (field == "txt") return ItemFile{name, key, "text"};
  if (field.find('.') == std::string::npos && field != "npy") {
    for (std::string const& modality : modalities)
      if ((item_kind(modality) == ItemKind::picture && has_image_extension("." + field)) ||
          (item_kind(modality) == ItemKind::sound && has_audio_extension("." + field)))
        return ItemFile{name, key, modality};
    return std::nullopt;
  }
  bool const plain = plain_arrays && field == "npy" &&
                     std::ranges::count(modalities, ItemKind::array, item_kind) == 1;
  for (std::string const& modality : modalities)
    if (item_kind(modality) == ItemKind::array && (plain || field == modality + ".npy"))
      return ItemFile{name, key, modality, plain};
  return std::nullopt;
}

}  // namespace

bool is_modality_name(std::string_view name) {
  auto const letter = [](char c) { return c >= 'a' && c <= 'z'; };
  auto const allowed = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= max_kind_name_bytes && letter(name.front()) &&
         std::ranges::all_of(name, allowed) && std::ranges::find(taken, name) == taken.end();
}

ItemKind item_kind(std::string_view modality) {
  return modality == "image"   ? ItemKind::picture
         : modality == "text"  ? ItemKind::caption
         : modality == "audio" ? ItemKind::sound
                               : ItemKind::array;
}

std::vector<std::string> ordered_modalities(std::vector<std::string> names) {
  for (std::string const& name : names)
    if (!is_modality_name(name))
      throw UsageError(fmt::format("--modalities: '{}' cannot be the name of a modality: give {}",
                                   name, modality_name_rules));
  std::ranges::sort(names, {}, [](std::string const& name) {
    return std::tuple(item_kind(name), std::string_view(name));
  });
  if (names.empty() || std::ranges::adjacent_find(names) != names.end())
    throw UsageError("--modalities: give each modality once");
  return names;
}

std::optional<NameParts> cut_name(std::string const& name) {
  std::size_t const slash = name.find('/'), base = name.rfind('/') + 1;  // npos + 1 = 0
  std::string_view const first = std::string_view(name).substr(0, slash);
  if (first.size() >= 4 && first.starts_with("__") && first.ends_with("__")) return std::nullopt;
  std::size_t const dot = name.find('.', base);
  if (dot == std::string::npos || dot == base) return std::nullopt;
  return NameParts{name.substr(0, dot), in_small_letters(name.substr(dot + 1))};
}

std::optional<ItemFile> item_file(std::string const& name,
                                  std::vector<std::string> const& modalities) {
  auto const parts = cut_name(name);
  return parts ? item_of(name, *parts, modalities, /*plain_arrays=*/true) : std::nullopt;
}

std::optional<ItemFile> item_file_of_long_key(std::string const& name,
                                              std::vector<std::string> const& modalities) {
  std::size_t const base = name.rfind('/') + 1;
  for (std::size_t dot = name.rfind('.'), cuts = 0;
       dot != std::string::npos && dot > base && cuts < 2; dot = name.rfind('.', dot - 1), ++cuts)
    if (auto item = item_of(name, {name.substr(0, dot), in_small_letters(name.substr(dot + 1))},
                            modalities, /*plain_arrays=*/false))
      return item;
  return std::nullopt;
}

bool precedes(ItemFile const& file, ItemFile const& other) {
  return std::tie(file.plain, file.name) < std::tie(other.plain, other.name);
}

bool is_stray_array(std::string const& name, std::vector<std::string> const& modalities) {
  return has_extension(name, {".npy"}) &&
         std::ranges::count(modalities, ItemKind::array, item_kind) > 0 &&
         !item_file(name, modalities);
}

bool holds_media(std::vector<std::string> const& modalities) {
  return std::ranges::count(modalities, ItemKind::caption, item_kind) <
         static_cast<std::ptrdiff_t>(modalities.size());
}

std::string file_endings(std::string const& modality) {
  switch (item_kind(modality)) {
    case ItemKind::picture:
      return ".jpg .png .webp";
    case ItemKind::caption:
      return ".txt";
    case ItemKind::sound:
      return ".wav .flac .mp3 .ogg";
    default:
      return fmt::format(".{}.npy", modality);
  }
}

}  // namespace accord::io
