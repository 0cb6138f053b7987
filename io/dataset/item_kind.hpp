#pragma once
// What the items of a modality are, and which files hold them: the modality's name says both.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace accord::io {

enum class ItemKind : std::uint8_t { picture, caption, sound, array };

/// Of "image", "text" and "audio"; every other modality holds arrays.
ItemKind item_kind(std::string_view modality);

/// The names in the one order that all datasets have: image, text, audio, then the others by name.
/// \throws UsageError if there is none, or one is there twice, or is none that shards, tables,
/// metrics and parameters can be named after
std::vector<std::string> ordered_modalities(std::vector<std::string> names);

/// A file that holds an item.
struct ItemFile {
  std::string key;  ///< its name without the ending
  std::string modality;
};

/// What a file's name says: KEY.png (or another kind of picture), KEY.wav (or another kind of
/// sound), KEY.NAME.npy of modality NAME. Where only one of the modalities holds arrays, KEY.npy is
/// of it, if KEY has no dot. Nothing: it is of none of the modalities. KEY.txt is a caption whether
/// or not "text" is among them, for captions decide what is held out.
std::optional<ItemFile> item_file(std::string const& name,
                                  std::vector<std::string> const& modalities);

/// Whether there is anything among them but captions.
bool holds_media(std::vector<std::string> const& modalities);

/// For messages: ".jpg .png .webp", ".motion.npy"
std::string file_endings(std::string const& modality);

}  // namespace accord::io
