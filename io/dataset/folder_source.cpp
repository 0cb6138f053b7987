// A folder of media, with KEY.txt beside KEY.png: the first line of the text is the caption. With
// classes as folders the text may be missing.

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "core/base/error.hpp"
#include "io/dataset/media_file.hpp"
#include "io/dataset/source.hpp"
#include "io/file/hash.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

class FolderSource final : public Source {
 public:
  FolderSource(std::filesystem::path folder, std::string const& label)
      : folder_(std::move(folder)), classed_(label == "folder") {
    if (!label.empty() && !classed_)
      throw UsageError(fmt::format(
          "--label {}: of media in a folder the label is the folder around them: --label folder",
          label));
    std::map<std::string, Files> by_key;
    auto const options = std::filesystem::directory_options::skip_permission_denied;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder_, options)) {
      std::error_code dangling;
      if (!entry.is_regular_file(dangling)) continue;
      std::string const name = entry.path().lexically_relative(folder_).string();
      bool const image = has_image_extension(name), audio = has_audio_extension(name);
      if (!image && !audio && !name.ends_with(".txt")) continue;
      Files& files = by_key[name.substr(0, name.rfind('.'))];
      std::string& slot = image ? files.image : audio ? files.audio : files.text;
      if (!slot.empty() && slot < name)
        continue;  // of KEY.jpg and KEY.png the first, in any order of the folder
      slot = name;
      if (image) files.image_bytes = entry.file_size();
      if (audio) files.audio_bytes = entry.file_size();
    }
    for (auto& [key, files] : by_key)
      if (!files.image.empty() || !files.audio.empty())
        entries_.emplace_back(key, std::move(files));
    if (entries_.empty())
      throw DataError(
          fmt::format("{}: no pictures (.jpg .png .webp) or sounds (.wav .flac .mp3 .ogg) there",
                      folder_.string()));
  }

  std::vector<Unit> units(std::uint64_t target, Wanted wanted) const override {
    std::vector<Unit> units;
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      Files const& files = entries_[i].second;
      bool const sample = classed_ || !files.text.empty();
      std::uint64_t const bytes = (wanted.image && sample ? files.image_bytes : 0) +
                                  (wanted.audio && sample ? files.audio_bytes : 0);
      if (units.empty() || units.back().bytes + bytes > target) units.push_back({0, i, i, 0});
      units.back().end = i + 1;
      units.back().bytes += bytes;
    }
    return units;
  }

  std::string identity() const override {
    Hasher128 hasher;
    for (auto const& [key, files] : entries_) {
      for (std::string const* name : {&files.image, &files.audio, &files.text}) {
        std::string const line =
            name->empty() ? "\n" : fmt::format("{}\n{}\n", *name, stamp_of(folder_ / *name));
        hasher.update(std::as_bytes(std::span(line)));
      }
    }
    return fmt::format("folder {} {}", entries_.size(), to_hex(hasher.digest()));
  }

  void read(Unit const& unit, Wanted wanted, Sink& sink) const override {
    for (std::uint64_t i = unit.begin; i < unit.end; ++i) {
      auto const& [key, files] = entries_[i];
      if ((files.image.empty() || !wanted.image) && (files.audio.empty() || !wanted.audio))
        continue;
      if (files.text.empty() && !classed_) {
        sink.ignore("file without a .txt beside it");
        continue;
      }
      Candidate candidate;
      candidate.key = key;
      candidate.may_lack = true;
      candidate.where = folder_.filename().string();
      try {
        if (!files.text.empty()) {
          std::string const text = read_below(folder_, files.text, max_text_bytes);
          candidate.text = text.substr(0, text.find('\n'));
        }
        if (classed_)
          candidate.label = std::filesystem::path(key).parent_path().filename().string();
        if (wanted.image && !files.image.empty())
          candidate.image = read_below(folder_, files.image, max_media_bytes);
        if (wanted.audio && !files.audio.empty())
          candidate.audio = read_below(folder_, files.audio, max_media_bytes);
      } catch (DataError const& error) {
        sink.drop(candidate.where, key, "file that cannot be read", error.what());
        continue;
      }
      if (!sink.sample(std::move(candidate))) return;
    }
  }

 private:
  struct Files {
    std::string image, audio, text;  ///< relative to the folder; empty: there is none
    std::uint64_t image_bytes = 0, audio_bytes = 0;
  };
  std::filesystem::path folder_;
  bool classed_;                                        ///< the folder around a file is its class
  std::vector<std::pair<std::string, Files>> entries_;  ///< by key
};

}  // namespace

std::unique_ptr<Source> open_folder(std::filesystem::path folder, std::string const& label) {
  return std::make_unique<FolderSource>(std::move(folder), label);
}

}  // namespace accord::io
