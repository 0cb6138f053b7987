#include "io/shard/dataset_index.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"
#include "io/file/json_integer.hpp"

namespace accord::io {
namespace {

using nlohmann::json;

constexpr std::string_view format_name = "accord-dataset";
constexpr int format_version = 1;
constexpr Index max_samples = Index{1} << 53;  // of a dataset: sums of these do not overflow
constexpr std::uint64_t max_index_bytes = 4ull << 30;
constexpr std::array<std::string_view, 3> label_names{"none", "single", "multi_hot"};

std::span<std::byte const> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// The first line holds the hash of all that follows it.
std::string first_line(std::string_view rest) {
  return fmt::format("{{\"checksum\": \"{:016x}\",\n", hash64(bytes_of(rest)));
}

std::vector<Extent> extents_of(ShardEntry const& entry) {
  std::vector<Extent> all;
  for (ModalityExtents const& m : entry.modalities)
    all.insert(all.end(), {m.bytes, m.offsets, m.first});
  all.insert(all.end(), {entry.key, entry.checksum, entry.label});
  return all;
}

ShardEntry parse_shard(json const& value, std::size_t modalities) {
  ShardEntry entry;
  entry.file = value.at("file");
  entry.samples = json_integer<Index>(value.at("samples"));
  entry.bytes = json_integer<std::uint64_t>(value.at("bytes"));
  entry.hash = hash128_from_hex(value.at("hash").get<std::string>());
  std::vector<std::uint64_t> places;
  for (json const& place : value.at("places")) places.push_back(json_integer<std::uint64_t>(place));
  if (places.size() != 2 * (3 * modalities + 3)) throw DataError("'places' has a wrong length");
  std::size_t next = 0;
  auto const extent = [&] {
    Extent const e{places[next], places[next + 1]};
    next += 2;
    if (e.offset > entry.bytes || e.bytes > entry.bytes - e.offset)
      throw DataError(fmt::format("{}: a dataset lies outside the file", entry.file));
    return e;
  };
  entry.modalities.resize(modalities);
  for (ModalityExtents& m : entry.modalities) {
    m.bytes = extent();
    m.offsets = extent();
    m.first = extent();
  }
  entry.key = extent();
  entry.checksum = extent();
  entry.label = extent();
  return entry;
}

/// Only names that shard_file() makes: a name cannot lead out of the folder.
bool is_shard_file(std::string const& name) {
  std::string_view constexpr head = "shard-", tail = ".h5";
  if (!name.starts_with(head) || !name.ends_with(tail) || name.size() <= head.size() + tail.size())
    return false;
  auto const digits =
      std::string_view(name).substr(head.size(), name.size() - head.size() - tail.size());
  return std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
}

DatasetIndex parse(std::string const& text) {
  std::size_t const line = text.find('\n') + 1;
  if (line == 0 ||
      first_line(std::string_view(text).substr(line)) != std::string_view(text).substr(0, line))
    throw DataError(
        "its checksum does not match: it is damaged, of another program, or was edited by hand");
  json const document = parse_json(text);
  if (document.at("format") != format_name || document.at("version") != format_version)
    throw DataError(
        fmt::format("format '{}' version {} is not known here; this program reads version {}",
                    document.at("format").dump(), document.at("version").dump(), format_version));
  DatasetIndex index;
  index.modalities = document.at("modalities");
  auto const label =
      std::find(label_names.begin(), label_names.end(), document.at("label").get<std::string>());
  if (label == label_names.end()) throw DataError("unknown kind of label");
  index.label = static_cast<LabelKind>(label - label_names.begin());
  index.classes = document.at("classes");
  index.builds = document.at("builds");
  std::set<std::string> files;
  for (json const& shard : document.at("shards")) {
    ShardEntry entry = parse_shard(shard, index.modalities.size());
    if (!files.insert(entry.file).second)
      throw DataError(fmt::format("'{}' is listed twice", entry.file));
    if (!is_shard_file(entry.file) || entry.samples < 1 ||
        entry.samples > max_samples - index.samples())
      throw DataError(
          fmt::format("'{}' with {} samples is not a shard", entry.file, entry.samples));
    index.append(std::move(entry));
  }
  return index;
}

/// Links the hash of shards 0..k-1 to shard k.
Hash128 chain(Hash128 before, std::string const& next) {
  std::string const link = to_hex(before) + next;
  return hash128(bytes_of(link));
}

Hash128 chain_start(DatasetIndex const& index) {
  std::string head = fmt::format("{} {} {}", format_name, format_version,
                                 label_names[static_cast<std::size_t>(index.label)]);
  for (std::string const& name : index.modalities) head += " " + name;
  return hash128(bytes_of(head));
}

}  // namespace

std::string to_json(ShardEntry const& entry) {
  std::string places;
  for (Extent const& extent : extents_of(entry))
    places += fmt::format("{}{}, {}", places.empty() ? "" : ", ", extent.offset, extent.bytes);
  return fmt::format(
      R"({{"file": "{}", "samples": {}, "bytes": {}, "hash": "{}", "places": [{}]}})", entry.file,
      entry.samples, entry.bytes, to_hex(entry.hash), places);
}

ShardEntry shard_entry_from_json(std::string const& text, std::size_t modalities) {
  try {
    return parse_shard(parse_json(text), modalities);
  } catch (json::exception const& error) {
    throw DataError(fmt::format("not a shard entry: {}", error.what()));
  }
}

std::string DatasetIndex::hash() const {
  Hash128 hash = chain_start(*this);
  for (ShardEntry const& shard : shards) hash = chain(hash, to_json(shard));
  return to_hex(hash);
}

void DatasetIndex::append(ShardEntry entry) {
  ACCORD_CHECK(entry.modalities.size() == modalities.size(),
               "shard {} has {} modalities, the index {}", entry.file, entry.modalities.size(),
               modalities.size());
  entry.first = samples();
  shards.push_back(std::move(entry));
}

Index DatasetIndex::samples_when(std::string const& hash,
                                 std::filesystem::path const& dataset) const {
  Hash128 const wanted = hash128_from_hex(hash);
  Hash128 link = chain_start(*this);
  for (ShardEntry const& shard : shards) {
    if (link == wanted) return shard.first;
    link = chain(link, to_json(shard));
  }
  if (link == wanted) return samples();
  throw DataError(fmt::format(
      "{}: no state of this dataset has the hash {} that the run started from; "
      "its shards were replaced, not only appended to. Restore them, or start a new run",
      dataset.string(), hash));
}

Index DatasetIndex::shard_of(Index sample) const {
  ACCORD_CHECK(sample >= 0 && sample < samples(), "sample {} of {}", sample, samples());
  auto const after =
      std::upper_bound(shards.begin(), shards.end(), sample,
                       [](Index s, ShardEntry const& entry) { return s < entry.first; });
  return after - shards.begin() - 1;
}

std::string shard_file(Index number) { return fmt::format("shard-{:05}.h5", number); }

void require_no_shards(std::filesystem::path const& dataset) {
  if (std::filesystem::exists(dataset / shard_file(0)))
    throw UsageError(fmt::format(
        "{} holds shards without an index.json: move them away, or choose another --out",
        dataset.string()));
}

bool has_index(std::filesystem::path const& dataset) {
  return std::filesystem::exists(dataset / "index.json");
}

DatasetIndex read_index(std::filesystem::path const& dataset) {
  std::filesystem::path const path = dataset / "index.json";
  if (!std::filesystem::is_directory(dataset))
    throw DataError(
        fmt::format("{}: not a folder; a dataset is a folder with index.json and shards, made by "
                    "'accord data build'",
                    dataset.string()));
  if (!has_index(dataset))
    throw DataError(
        fmt::format("{}: no index.json; it is not a dataset, or its build did not finish (run "
                    "'accord data build' again)",
                    dataset.string()));
  std::string const text = read_file(path, max_index_bytes);
  try {
    return parse(text);
  } catch (json::exception const& error) {
    throw DataError(fmt::format("{}: {}", path.string(), error.what()));
  } catch (DataError const& error) {
    throw DataError(fmt::format("{}: {}", path.string(), error.what()));
  }
}

void write_index(std::filesystem::path const& dataset, DatasetIndex const& index) {
  json const names = index.modalities, classes = index.classes, builds = index.builds;
  std::string text = fmt::format(
      "\"format\": \"{}\", \"version\": {},\n\"samples\": {}, \"hash\": \"{}\",\n"
      "\"modalities\": {}, \"label\": \"{}\",\n\"classes\": {},\n\"builds\": {},\n\"shards\": [",
      format_name, format_version, index.samples(), index.hash(), names.dump(),
      label_names[static_cast<std::size_t>(index.label)], classes.dump(), builds.dump());
  char const* separator = "\n";
  for (ShardEntry const& shard : index.shards) {
    text += separator + to_json(shard);
    separator = ",\n";
  }
  text += "\n]}\n";
  write_file_atomically(dataset / "index.json", first_line(text) + text);
}

}  // namespace accord::io
