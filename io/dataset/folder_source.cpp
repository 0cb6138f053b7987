// A folder of media, with KEY.txt beside KEY.png: the first line of the text is the caption; or
// with KEY.json, as img2dataset writes it. With classes as folders the text may be missing.

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "core/base/error.hpp"
#include "io/dataset/input/archive_bytes.hpp"
#include "io/dataset/input/listing.hpp"
#include "io/dataset/input/open.hpp"
#include "io/dataset/input/sidecar.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/media_file.hpp"
#include "io/dataset/source.hpp"
#include "io/file/hash.hpp"
#include "io/file/list_some.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

/// In place of a modality: captions that KEY.json holds.
constexpr char const* json_file = ".json";

bool is_media(std::string const& modality) {
  return modality != json_file && item_kind(modality) != ItemKind::caption;
}

/// For messages: "image (.jpg .png .webp), motion (.motion.npy)"
std::string expected(std::vector<std::string> const& modalities) {
  std::vector<std::string> texts;
  for (std::string const& modality : modalities)
    if (item_kind(modality) != ItemKind::caption || !holds_media(modalities))
      texts.push_back(fmt::format("{} ({})", modality, file_endings(modality)));
  return list_some(texts);
}

class FolderSource final : public Source {
 public:
  FolderSource(FolderListing listing, SourceOptions const& source)
      : folder_(std::move(listing.folder)),
        classed_(source.label == "folder"),
        captioned_(std::ranges::count(source.modalities, "text") > 0),
        conditions_(source.where) {
    if (!source.label.empty() && !classed_)
      throw UsageError(fmt::format(
          "--label {}: of media in a folder the label is the folder around them: --label folder",
          source.label));
    notes.left_out = std::move(listing.left_out);
    std::map<std::string, Files> by_key = sort_out(listing.files, source.modalities);
    for (auto& [key, files] : by_key) {
      bool const media =
          std::ranges::any_of(files, [](auto const& entry) { return is_media(entry.first); });
      if (media || (files.contains("text") && !holds_media(source.modalities)))
        entries_.emplace_back(key, std::move(files));
      else
        for (auto const& [modality, file] : files)
          notes.left_out["text without a file that it belongs to"].add(file.name);
    }
    if (entries_.empty())
      throw DataError(fmt::format("{}: none of the files looked for: {}; --modalities says which{}",
                                  folder_.string(), expected(source.modalities),
                                  most_frequent(notes.left_out)));
    notes.used["folder of media"].add(folder_.string());
  }

  std::vector<Unit> units(std::uint64_t target) const override {
    std::vector<Unit> units;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      std::uint64_t const bytes = media_bytes(entries_[i].second);
      if (units.empty() || units.back().bytes + bytes > target) units.push_back({0, i, i, 0});
      units.back().end = i + 1;
      units.back().bytes += bytes;
    }
    return units;
  }

  std::string identity() const override {
    Hasher128 hasher;
    for (auto const& [key, files] : entries_)
      for (auto const& [modality, file] : files) {
        std::string const line = fmt::format("{}\n{}\n", file.name, stamp_of(folder_ / file.name));
        hasher.update(std::as_bytes(std::span(line)));
      }
    return fmt::format("folder {} {}", entries_.size(), to_hex(hasher.digest()));
  }

  void read(Unit const& unit, Sink& sink) const override {
    for (std::uint64_t i = unit.begin; i < unit.end; ++i) {
      auto const& [key, files] = entries_[i];
      if (lacks_caption(files)) {
        auto const media =
            std::ranges::find_if(files, [](auto const& entry) { return is_media(entry.first); });
        sink.ignore("file without a .txt beside it", media->second.name);
        continue;
      }
      Candidate candidate;
      candidate.key = key;
      candidate.may_lack = true;
      candidate.where = folder_.filename().string();
      if (classed_) candidate.label = std::filesystem::path(key).parent_path().filename().string();
      try {
        for (auto const& [modality, file] : files)
          if (modality != json_file) candidate.items[modality] = {item(modality, file.name)};
        Sidecar sidecar;
        if ((!files.contains("text") || !conditions_.empty()) && files.contains(json_file) &&
            !read_json(files.at(json_file).name, candidate, sidecar, sink))
          continue;
        if (auto const reason = broken_condition(conditions_, value_in(sidecar))) {
          sink.ignore(*reason, key);
          continue;
        }
      } catch (DataError const& error) {
        sink.drop(candidate.where, key, "file that cannot be read", error.what());
        continue;
      }
      if (!sink.sample(std::move(candidate))) return;
    }
  }

 private:
  using Files = std::map<std::string, ItemFile>;  ///< by modality; names relative to the folder

  /// By key: those of the key up to the first dot; where none has that key, up to the last one.
  std::map<std::string, Files> sort_out(std::vector<std::string> const& names,
                                        std::vector<std::string> const& modalities) {
    std::map<std::string, Files> by_key;
    std::vector<std::string> others;  // of the names: those that may have a longer key
    auto const take = [&](ItemFile const& item) {
      auto const [place, first] = by_key[item.key].try_emplace(item.modality, item);
      if (first) return;
      bool const better = precedes(item, place->second);
      notes.left_out[second_file].add(better ? place->second.name : item.name);
      if (better) place->second = item;
    };
    std::set<std::string> short_keys;
    for (std::string const& name : names) {
      auto const parts = cut_name(name);
      if (!parts) {
        notes.left_out[nameless_file].add(name);
      } else if (auto const item = item_file(name, modalities)) {
        take(*item);
        short_keys.insert(parts->key);
      } else if (parts->field == "json") {
        if (captioned_ || !conditions_.empty()) take({name, parts->key, json_file});
      } else {
        others.push_back(name);
      }
    }
    for (std::string const& name : others) {
      auto const item = short_keys.contains(cut_name(name)->key)
                            ? std::nullopt
                            : item_file_of_long_key(name, modalities);
      if (item)
        take(*item);
      else
        notes
            .left_out[is_archive_name(name)              ? "archive in a folder of media"
                      : is_foreign_archive_name(name)    ? foreign_file
                      : is_stray_array(name, modalities) ? stray_array
                                                         : unasked_file]
            .add(name);
    }
    return by_key;
  }

  bool lacks_caption(Files const& files) const {
    return captioned_ && !files.contains("text") && !files.contains(json_file);
  }
  std::uint64_t media_bytes(Files const& files) const {
    std::uint64_t bytes = 0;
    if (lacks_caption(files)) return 0;
    for (auto const& [modality, file] : files)
      if (is_media(modality)) bytes += std::filesystem::file_size(folder_ / file.name);
    return bytes;
  }
  std::string item(std::string const& modality, std::string const& name) const {
    if (is_media(modality)) return read_below(folder_, name, max_media_bytes);
    std::string const text = read_below(folder_, name, max_text_bytes);
    return foreign_encoding(text) ? text : text.substr(0, text.find('\n'));
  }
  /// False: it is damaged.
  bool read_json(std::string const& name, Candidate& candidate, Sidecar& sidecar,
                 Sink& sink) const {
    auto const fault = read_sidecar(read_below(folder_, name, max_text_bytes), "", sidecar);
    if (fault) sink.drop(candidate.where, candidate.key, fault->reason, fault->detail);
    if (!sidecar.captions.empty()) candidate.items.try_emplace("text", std::move(sidecar.captions));
    return !fault;
  }

  std::filesystem::path folder_;
  bool classed_;    ///< the folder around a file is its class
  bool captioned_;  ///< a sample has a caption
  std::vector<Condition> conditions_;
  std::vector<std::pair<std::string, Files>> entries_;  ///< by key
};

}  // namespace

std::unique_ptr<Source> open_folder(FolderListing listing, SourceOptions const& options) {
  return std::make_unique<FolderSource>(std::move(listing), options);
}

std::unique_ptr<Source> open_folder(std::filesystem::path folder, SourceOptions const& options) {
  return open_folder(list_folder(std::move(folder)), options);
}

}  // namespace accord::io
