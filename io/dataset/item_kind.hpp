#pragma once
// What the items of a modality are, and which files hold them: the modality's name says both.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/model/item_kind.hpp"

namespace accord::io {

/// Of "image", "text" and "audio"; every other modality holds arrays.
ItemKind item_kind(std::string_view modality);

/// Whether shards, tables, metrics and parameters can be named after a modality of this name.
bool is_modality_name(std::string_view name);
/// For messages: what is_modality_name() asks for.
inline constexpr char const* modality_name_rules =
    "up to 32 small letters, digits and '_', a letter first, and none of key, label, checksum, id, "
    "image_id, uniq_id, caption";

/// The names in the one order that all datasets have: image, text, audio, then the others by name.
/// \throws UsageError if there is none, or one is there twice, or fails is_modality_name()
std::vector<std::string> ordered_modalities(std::vector<std::string> names);

/// A name as webdataset cuts it: the key is what comes before the first dot of the last component,
/// folders included; the field is what follows, in small letters. So KEY.depth.png is the field
/// "depth.png" of KEY, and no picture.
struct NameParts {
  std::string key, field;
};
/// Nothing: the last component has no dot, or begins with one, or the first one is webdataset's own
/// (__NAME__). Such files are of no sample and part none.
std::optional<NameParts> cut_name(std::string const& name);

/// A file that holds an item.
struct ItemFile {
  std::string name;
  std::string key;
  std::string modality;
  bool plain = false;  ///< KEY.npy: it does not name its modality
};

/// What a file's name says: KEY.png (or another kind of picture), KEY.wav (or another kind of
/// sound), KEY.NAME.npy of modality NAME. Where only one of the modalities holds arrays, KEY.npy is
/// of it. Endings may be in any case. Nothing: it is of none of the modalities. KEY.txt is a
/// caption whether or not "text" is among them, for captions decide what is held out.
std::optional<ItemFile> item_file(std::string const& name,
                                  std::vector<std::string> const& modalities);
/// The same with KEY up to the last dot ("Mr. Smith.png"), or that of .NAME.npy: for names in a
/// folder whose shorter key is nobody's.
std::optional<ItemFile> item_file_of_long_key(std::string const& name,
                                              std::vector<std::string> const& modalities);

/// Which of two files with one key and modality is the item, in whatever order they are met: the
/// one that names its modality, else the first by name, else the one met first.
bool precedes(ItemFile const& file, ItemFile const& other);

/// Whether a file is an array and of none of the modalities, though some of them hold arrays: its
/// name may not say what was meant.
bool is_stray_array(std::string const& name, std::vector<std::string> const& modalities);

// For reports, of the files that are left out.
inline constexpr char const* second_file = "second file of one modality";
inline constexpr char const* stray_array = "array of none of the modalities";
inline constexpr char const* unasked_file = "file of no kind looked for";
inline constexpr char const* nameless_file = "name without an ending";

/// Whether there is anything among them but captions.
bool holds_media(std::vector<std::string> const& modalities);

/// For messages: ".jpg .png .webp", ".motion.npy"
std::string file_endings(std::string const& modality);

}  // namespace accord::io
