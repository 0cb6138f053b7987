#include "io/dataset/export.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "core/base/text.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/tar_writer.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

constexpr std::uint64_t slab_bytes = 8 << 20;

std::string text_of(std::span<std::byte const> bytes) {
  return std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

[[noreturn]] void refuse(Sample const& sample, std::string const& problem) {
  throw DataError(fmt::format("sample {} (key '{}'): {}", sample.number, sample.key, problem));
}

/// Whether a member KEY.x is read back as one of that key.
bool is_member_key(std::string const& key) {
  auto const parts = cut_name(key + ".x");
  if (!parts || parts->key != key || key.starts_with('/') || key.ends_with('/')) return false;
  std::string const path = "/" + key + "/";
  return path.find("/../") == std::string::npos && !key.starts_with("./");
}

class SampleExport {
 public:
  SampleExport(Dataset const& dataset, TarWriter& tar, bool number_keys)
      : dataset_(dataset), tar_(tar), number_keys_(number_keys) {}

  void write(Sample const& sample) {
    std::string const key = number_keys_ ? fmt::format("{:09}", sample.number) : sample.key;
    if (!is_member_key(key) || key == last_key_)
      refuse(sample, "no name that is read back as it is: --number-keys gives samples numbers");
    last_key_ = key;
    nlohmann::json json = nlohmann::json::object();
    for (std::size_t m = 0; m < sample.items.size(); ++m)
      write_items(sample, key, dataset_.modalities()[m], sample.items[m], json);
    add_label(sample, key, json);
    if (!json.empty()) add(key + ".json", json.dump());
  }

 private:
  void write_items(Sample const& sample, std::string const& key, std::string const& modality,
                   std::vector<std::span<std::byte const>> const& items, nlohmann::json& json) {
    ItemKind const kind = item_kind(modality);
    if (items.size() > 1 && kind != ItemKind::caption)
      refuse(sample, fmt::format("{} items of {}: an archive holds one of each sample",
                                 items.size(), modality));
    if (items.size() == 1)
      tar_.add(key + "." +
                   (kind == ItemKind::caption ? "txt"
                    : kind == ItemKind::array ? modality + ".npy"
                                              : std::string(extension_of(media_kind(items[0])))),
               items[0]);
    if (items.size() < 2) return;
    std::vector<std::string> captions;
    for (auto const item : items) captions.push_back(text_of(item));
    json["caption"] = captions;
  }

  void add_label(Sample const& sample, std::string const& key, nlohmann::json& json) {
    auto const& classes = dataset_.index().classes;
    auto const number = static_cast<std::size_t>(sample.label);
    if (sample.label >= 0 && number < classes.size()) {
      json["label"] = classes[number];
    } else if (sample.label >= 0) {
      add(key + ".cls", fmt::format("{}", sample.label));
    } else if (!sample.multi_hot.empty()) {
      std::vector<std::string> names;
      for (std::size_t c = 0; c < sample.multi_hot.size(); ++c)
        if (sample.multi_hot[c] != 0) names.push_back(classes.at(c));
      json["label"] = joined(names, ",");
    }
  }

  void add(std::string const& name, std::string const& content) {
    tar_.add(name, std::as_bytes(std::span(content)));
  }

  Dataset const& dataset_;
  TarWriter& tar_;
  bool number_keys_;
  std::string last_key_;
};

}  // namespace

void export_webdataset(Dataset const& dataset, ExportOptions const& options,
                       std::function<void(Index)> const& progress) {
  std::filesystem::create_directories(options.out);
  auto const archive = [&](Index shard) { return options.out / fmt::format("{:05}.tar", shard); };
  auto const shards = static_cast<Index>(dataset.index().shards.size());
  for (Index shard = 0; shard < shards; ++shard)
    if (std::filesystem::exists(archive(shard)))
      throw UsageError(fmt::format("{} already exists: remove it, or choose another --out",
                                   archive(shard).string()));
  for (Index shard = 0; shard < shards; ++shard) {
    TarWriter tar(archive(shard));
    SampleExport samples(dataset, tar, options.number_keys);
    ShardEntry const& entry = dataset.index().shards[static_cast<std::size_t>(shard)];
    for (Index next = 0; next < entry.samples;) {
      Block const block =
          dataset.read_block(shard, next, dataset.samples_within(shard, next, slab_bytes));
      for (Index k = 0; k < block.count(); ++k) samples.write(block.sample(k));
      next += block.count();
      progress(entry.first + next);
    }
    tar.finish();
  }
}

}  // namespace accord::io
