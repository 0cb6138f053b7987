// A folder of media, with KEY.txt beside KEY.png: the first line of the text is the caption. With
// classes as folders the text may be missing.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/base/error.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/media_file.hpp"
#include "io/dataset/source.hpp"
#include "io/file/hash.hpp"
#include "io/file/list_some.hpp"

namespace accord::io {
namespace {

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
  FolderSource(std::filesystem::path folder, SourceOptions const& source)
      : folder_(std::move(folder)),
        classed_(source.label == "folder"),
        captioned_(std::ranges::count(source.modalities, "text") > 0) {
    if (!source.label.empty() && !classed_)
      throw UsageError(fmt::format(
          "--label {}: of media in a folder the label is the folder around them: --label folder",
          source.label));
    std::map<std::string, Files> by_key;
    auto const options = std::filesystem::directory_options::skip_permission_denied;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder_, options)) {
      std::error_code dangling;
      if (!entry.is_regular_file(dangling)) continue;
      std::string const name = entry.path().lexically_relative(folder_).string();
      auto const item = item_file(name, source.modalities);
      if (is_stray_array(name, source.modalities)) ++ignored_[stray_array];
      if (!item) continue;
      auto const [place, first] = by_key[item->key].try_emplace(item->modality, *item);
      if (first) continue;
      ++ignored_[second_file];
      if (precedes(*item, place->second)) place->second = *item;
    }
    for (auto& [key, files] : by_key)
      if (files.size() > files.count("text") || !holds_media(source.modalities))
        entries_.emplace_back(key, std::move(files));
    if (entries_.empty())
      throw DataError(fmt::format("{}: none of the files looked for: {}; --modalities says which",
                                  folder_.string(), expected(source.modalities)));
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
    if (unit.begin == 0)  // once, whoever reads the others
      for (auto const& [reason, files] : ignored_)
        for (Index i = 0; i < files; ++i) sink.ignore(reason);
    for (std::uint64_t i = unit.begin; i < unit.end; ++i) {
      auto const& [key, files] = entries_[i];
      if (lacks_caption(files)) {
        sink.ignore("file without a .txt beside it");
        continue;
      }
      Candidate candidate;
      candidate.key = key;
      candidate.may_lack = true;
      candidate.where = folder_.filename().string();
      if (classed_) candidate.label = std::filesystem::path(key).parent_path().filename().string();
      try {
        for (auto const& [modality, file] : files)
          candidate.items[modality] = item_kind(modality) == ItemKind::caption
                                          ? first_line(file.name)
                                          : read_below(folder_, file.name, max_media_bytes);
      } catch (DataError const& error) {
        sink.drop(candidate.where, key, "file that cannot be read", error.what());
        continue;
      }
      if (!sink.sample(std::move(candidate))) return;
    }
  }

 private:
  using Files = std::map<std::string, ItemFile>;  ///< by modality; names relative to the folder

  bool lacks_caption(Files const& files) const { return captioned_ && !files.contains("text"); }
  std::uint64_t media_bytes(Files const& files) const {
    std::uint64_t bytes = 0;
    if (lacks_caption(files)) return 0;
    for (auto const& [modality, file] : files)
      if (item_kind(modality) != ItemKind::caption)
        bytes += std::filesystem::file_size(folder_ / file.name);
    return bytes;
  }
  std::string first_line(std::string const& name) const {
    std::string const text = read_below(folder_, name, max_text_bytes);
    return text.substr(0, text.find('\n'));
  }

  std::filesystem::path folder_;
  bool classed_;                                        ///< the folder around a file is its class
  bool captioned_;                                      ///< a sample has a caption
  std::vector<std::pair<std::string, Files>> entries_;  ///< by key
  std::map<std::string, Index> ignored_;                ///< files that are of no entry, by reason
};

}  // namespace

std::unique_ptr<Source> open_folder(std::filesystem::path folder, SourceOptions const& options) {
  return std::make_unique<FolderSource>(std::move(folder), options);
}

}  // namespace accord::io
