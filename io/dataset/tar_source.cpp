// img2dataset and webdataset archives: neighbouring members KEY.jpg (or another item),
// KEY.txt, KEY.json, KEY.cls are one sample.

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/source.hpp"
#include "io/dataset/tar.hpp"

namespace accord::io {
namespace {

using nlohmann::json;

/// Key and extension: the name is cut at the first dot of its last component.
std::pair<std::string, std::string> split_name(std::string const& name) {
  std::size_t const base = name.rfind('/') + 1;  // npos + 1 = 0
  std::size_t const dot = std::min(name.find('.', base), name.size());
  return {name.substr(0, dot), name.substr(dot)};
}

/// The document without what lies deeper than any caption or label, so that no depth is too much
/// for the stack.
json parse_shallow(std::string const& text) {
  constexpr int max_depth = 16;
  auto const keep = [](int depth, json::parse_event_t, json const&) { return depth <= max_depth; };
  return json::parse(text, keep, /*allow_exceptions=*/false);
}

class TarSource final : public Source {
 public:
  TarSource(std::vector<std::filesystem::path> tars, SourceOptions const& options)
      : tars_(std::move(tars)), label_(options.label), modalities_(options.modalities) {
    for (auto const& tar : tars_) sizes_.push_back(std::filesystem::file_size(tar));
  }

  std::vector<Unit> units(std::uint64_t target) const override {
    std::vector<Unit> units;
    for (std::size_t i = 0; i < tars_.size(); ++i) {
      if (units.empty() || units.back().bytes + sizes_[i] > target) units.push_back({0, i, i, 0});
      units.back().end = i + 1;
      units.back().bytes += sizes_[i];
    }
    return units;
  }

  std::string identity() const override {
    std::string text = "tar label=" + label_;
    for (std::filesystem::path const& tar : tars_)
      text += fmt::format("\n{} {}", tar.filename().string(), stamp_of(tar));
    return text;
  }

  std::size_t archives() const override { return tars_.size(); }

  void read(Unit const& unit, Sink& sink) const override {
    for (std::uint64_t i = unit.begin; i < unit.end; ++i)
      if (!read_tar(tars_[i], sink)) return;
  }

 private:
  bool read_tar(std::filesystem::path const& path, Sink& sink) const {
    Group group(path.filename().string(), *this, sink);
    bool more = true;
    try {
      TarReader tar(path);
      while (more) {
        auto const member = tar.next();
        if (!member) break;
        more = group.add(tar, *member);
      }
    } catch (DataError const& error) {
      sink.broken_archive(error.what());
    }
    return more && group.flush();
  }

  /// Collects the members of one key.
  class Group {
   public:
    Group(std::string where, TarSource const& source, Sink& sink)
        : where_(std::move(where)),
          label_(source.label_),
          modalities_(source.modalities_),
          sink_(sink) {}

    /// Returns false when the sink has had enough.
    bool add(TarReader const& tar, TarMember const& member) {
      if (!member.refused.empty()) {
        sink_.drop(where_, member.name, "member that is not read", member.refused);
        return true;
      }
      auto [key, extension] = split_name(member.name);
      bool more = true;
      if (open_ && key != candidate_.key) more = flush();
      candidate_.key = key;
      candidate_.where = where_;
      open_ = true;
      auto const item = item_file(member.name, modalities_);
      if (is_stray_array(member.name, modalities_)) sink_.ignore(stray_array);
      bool const media = item && item->modality != "text";
      if (media && !is_better(*item)) return more;
      if (media)
        take(tar, member, max_media_bytes,
             [&](std::string bytes) { candidate_.items[item->modality] = std::move(bytes); });
      else if (extension == ".txt")
        take(tar, member, max_text_bytes,
             [&](std::string text) { candidate_.items["text"] = std::move(text); });
      else if (extension == ".json")
        take(tar, member, max_text_bytes, [&](std::string text) { json_ = std::move(text); });
      else if (extension == ".cls" && label_ == "cls")
        take(tar, member, max_text_bytes,
             [&](std::string text) { candidate_.label = std::move(text); });
      return more;
    }

    bool flush() {
      if (!open_) return true;
      Candidate candidate = std::exchange(candidate_, {});
      files_.clear();
      std::optional<std::string> const text = std::exchange(json_, {});
      open_ = false;
      if (std::exchange(refused_, false)) return true;
      if (text && (!candidate.items.contains("text") || !label_.empty()) &&
          !read_json(*text, candidate)) {
        sink_.drop(where_, candidate.key, "label that is neither text nor number",
                   fmt::format("field {} of its .json", label_));
        return true;
      }
      return sink_.sample(std::move(candidate));
    }

   private:
    /// Whether it is the file of its modality among those met so far.
    bool is_better(ItemFile const& item) {
      auto const [place, first] = files_.try_emplace(item.modality, item);
      if (first) return true;
      sink_.ignore(second_file);
      bool const better = precedes(item, place->second);
      if (better) place->second = item;
      return better;
    }

    void take(TarReader const& tar, TarMember const& member, std::uint64_t limit,
              std::function<void(std::string)> const& keep) {
      if (member.bytes <= limit) {
        keep(tar.read(member, limit));
      } else if (!std::exchange(refused_, true)) {
        sink_.drop(where_, candidate_.key, "member too large",
                   fmt::format("{}: {} bytes", member.name, member.bytes));
      }
    }

    /// A damaged or foreign .json is as good as none: what it should have held is missed by whoever
    /// needs it. False: its label is a list or an object.
    bool read_json(std::string const& text, Candidate& candidate) const {
      json const document = parse_shallow(text);
      if (!document.is_object()) return true;
      for (char const* name : {"caption", "text"})
        if (document.contains(name) && document[name].is_string())
          candidate.items.try_emplace("text", document[name].get<std::string>());
      if (label_.empty() || label_ == "cls" || !document.contains(label_)) return true;
      json const& label = document[label_];
      if (label.is_structured()) return false;
      if (label.is_string())
        candidate.label = label.get<std::string>();
      else if (!label.is_null())
        candidate.label = label.dump();
      return true;
    }

    std::string where_;
    std::string const& label_;
    std::vector<std::string> const& modalities_;
    Sink& sink_;
    Candidate candidate_;
    std::map<std::string, ItemFile> files_;  ///< of the candidate, by modality
    std::optional<std::string> json_;
    bool open_ = false, refused_ = false;
  };

  std::vector<std::filesystem::path> tars_;
  std::vector<std::uint64_t> sizes_;
  std::string label_;
  std::vector<std::string> modalities_;
};

}  // namespace

std::unique_ptr<Source> open_tars(std::vector<std::filesystem::path> tars,
                                  SourceOptions const& options) {
  return std::make_unique<TarSource>(std::move(tars), options);
}

}  // namespace accord::io
