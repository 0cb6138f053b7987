// img2dataset and webdataset archives: neighbouring members KEY.jpg (or another item),
// KEY.txt, KEY.json, KEY.cls are one sample.

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>
#include <unordered_set>
#include <utility>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "io/dataset/input/listing.hpp"
#include "io/dataset/input/sidecar.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/source.hpp"
#include "io/dataset/tar.hpp"

namespace accord::io {
namespace {

/// Keys whose members do not all stand together in an archive.
std::set<std::string> scattered_keys(std::filesystem::path const& path) {
  std::set<std::string> scattered;
  std::unordered_set<std::string> met;
  std::string current;
  try {
    TarReader tar(path);
    while (auto const member = tar.next()) {
      auto const parts = cut_name(member->name);
      if (!parts || parts->key == current || !member->refused.empty()) continue;
      current = parts->key;
      if (!met.insert(current).second) scattered.insert(current);
    }
  } catch (DataError const&) {  // what lies before the damage will do: it is reported elsewhere
  }
  return scattered;
}

/// Collects the members of one key after another.
class Group {
 public:
  Group(std::filesystem::path const& archive, SourceOptions const& options, Sink& sink)
      : archive_(archive),
        where_(archive.filename().string()),
        label_(options.label),
        modalities_(options.modalities),
        conditions_(options.where),
        sink_(sink) {}

  /// Returns false when the sink has had enough.
  bool add(TarReader& tar, TarMember const& member) {
    if (!member.refused.empty()) {
      sink_.drop(where_, member.name, "member that is not read", member.refused);
      return true;
    }
    auto const parts = cut_name(member.name);
    if (!parts) {
      bool const hidden = member.name[member.name.rfind('/') + 1] == '.';
      sink_.ignore(hidden ? hidden_name : nameless_file, where_ + ": " + member.name);
      return true;
    }
    bool more = true;
    if (open_ && parts->key != candidate_.key) more = flush();
    candidate_.key = parts->key;
    candidate_.where = where_;
    open_ = true;
    fields_.push_back(parts->field);
    take_field(tar, member, *parts);
    return more;
  }

  bool flush() {
    if (!open_) return true;
    Candidate candidate = std::exchange(candidate_, {});
    auto const files = std::exchange(files_, {});
    std::string const json = std::exchange(json_, {});
    candidate.found = "there is " + joined(std::exchange(fields_, {}));
    open_ = false;
    if (std::exchange(refused_, false)) return true;
    if (files.empty()) return true;  // each of its members was ignored
    Sidecar sidecar;
    if (files.contains(".json") && !read_json(json, candidate, sidecar)) return true;
    if (auto const reason = broken_condition(conditions_, value_in(sidecar))) {
      sink_.ignore(*reason, where_ + ": " + candidate.key);
      return true;
    }
    if (lacks_item(candidate) && is_scattered(candidate.key)) {
      sink_.drop(where_, candidate.key, "members of one key that are not neighbours",
                 "sort the archive by name, as `tar --sort=name` does");
      return true;
    }
    return sink_.sample(std::move(candidate));
  }

 private:
  void take_field(TarReader& tar, TarMember const& member, NameParts const& parts) {
    auto const item = item_file(member.name, modalities_);
    if (item) {
      if (is_better(*item))
        take(tar, member, item->modality == "text" ? max_text_bytes : max_media_bytes,
             [&](std::string bytes) { candidate_.items[item->modality] = {std::move(bytes)}; });
    } else if (parts.field == "json" || parts.field == "cls") {
      if (is_better({member.name, parts.key, "." + parts.field}) &&
          (parts.field == "json" || label_ == "cls"))
        take(tar, member, max_text_bytes, [&](std::string text) {
          if (parts.field == "json")
            json_ = std::move(text);
          else
            candidate_.label = std::move(text);
        });
    } else {
      sink_.ignore(is_stray_array(member.name, modalities_) ? stray_array : unasked_file,
                   where_ + ": " + member.name);
    }
  }

  /// Whether it is the file of its modality (or a .json, a .cls) among those met so far.
  bool is_better(ItemFile const& item) {
    auto const [place, first] = files_.try_emplace(item.modality, item);
    if (first) return true;
    sink_.ignore(second_file, where_ + ": " + item.name);
    bool const better = precedes(item, place->second);
    if (better) place->second = item;
    return better;
  }

  void take(TarReader& tar, TarMember const& member, std::uint64_t limit,
            std::function<void(std::string)> const& keep) {
    if (member.bytes <= limit) {
      keep(tar.read(member, limit));
    } else if (!std::exchange(refused_, true)) {
      sink_.drop(where_, candidate_.key, "member too large",
                 fmt::format("{}: {} bytes", member.name, member.bytes));
    }
  }

  /// False: what it should have said is needed, and it cannot be read.
  bool read_json(std::string const& json, Candidate& candidate, Sidecar& sidecar) {
    bool const captioned = candidate.items.contains("text"),
               asked = (!label_.empty() && label_ != "cls") || !conditions_.empty(),
               needed = asked || (!captioned && std::ranges::count(modalities_, "text") > 0);
    if (captioned && !asked) return true;
    if (auto const fault = read_sidecar(json, label_ == "cls" ? "" : label_, sidecar)) {
      if (needed)
        sink_.drop(where_, candidate.key, fault->reason, fault->detail);
      else
        sink_.ignore(fault->reason, where_ + ": " + candidate.key);
      return !needed;
    }
    if (!captioned && !sidecar.captions.empty())
      candidate.items["text"] = std::move(sidecar.captions);
    if (sidecar.label) candidate.label = std::move(sidecar.label);
    return true;
  }

  bool lacks_item(Candidate const& candidate) const {
    return !std::ranges::all_of(
        modalities_, [&](std::string const& name) { return candidate.items.contains(name); });
  }

  /// Looks through the whole archive where that is asked for the first time.
  bool is_scattered(std::string const& key) {
    if (!scattered_) scattered_ = scattered_keys(archive_);
    return scattered_->contains(key);
  }

  std::filesystem::path const& archive_;
  std::string where_;
  std::string const& label_;
  std::vector<std::string> const& modalities_;
  std::vector<Condition> const& conditions_;
  Sink& sink_;
  Candidate candidate_;
  std::map<std::string, ItemFile> files_;  ///< of the candidate, by modality, or ".json", ".cls"
  std::vector<std::string> fields_;        ///< of the candidate, all that were met
  std::string json_;
  bool open_ = false, refused_ = false;
  std::optional<std::set<std::string>> scattered_;
};

class TarSource final : public Source {
 public:
  TarSource(std::vector<std::filesystem::path> tars, SourceOptions const& options)
      : tars_(std::move(tars)), options_(options) {
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
    std::string text = "tar label=" + options_.label;
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
    Group group(path, options_, sink);
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

  std::vector<std::filesystem::path> tars_;
  std::vector<std::uint64_t> sizes_;
  SourceOptions options_;
};

}  // namespace

std::unique_ptr<Source> open_tars(std::vector<std::filesystem::path> tars,
                                  SourceOptions const& options) {
  return std::make_unique<TarSource>(std::move(tars), options);
}

}  // namespace accord::io
