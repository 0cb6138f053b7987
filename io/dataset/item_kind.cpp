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

std::optional<ItemFile> item_file(std::string const& name,
                                  std::vector<std::string> const& modalities) {
  std::size_t const base = name.rfind('/') + 1;  // npos + 1 = 0
  std::string const stem = name.substr(0, name.rfind('.'));
  bool const plain = has_extension(name, {".npy"}) && stem.find('.', base) == std::string::npos &&
                     std::ranges::count(modalities, ItemKind::array, item_kind) == 1;
  if (name.ends_with(".txt")) return ItemFile{name, stem, "text"};
  for (std::string const& modality : modalities) {
    switch (item_kind(modality)) {
      case ItemKind::picture:
        if (has_image_extension(name)) return ItemFile{name, stem, modality};
        break;
      case ItemKind::sound:
        if (has_audio_extension(name)) return ItemFile{name, stem, modality};
        break;
      case ItemKind::array:
        if (plain) return ItemFile{name, stem, modality, plain};
        if (std::string const ending = file_endings(modality); has_extension(name, {ending}))
          return ItemFile{name, name.substr(0, name.size() - ending.size()), modality};
        break;
      case ItemKind::caption:
        break;
    }
  }
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
