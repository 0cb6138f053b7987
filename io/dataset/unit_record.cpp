#include "io/dataset/unit_record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"

namespace accord::io {
namespace {

using nlohmann::json;

// Details of damaged input may hold any bytes.
std::string dump(json const& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

json to_value(Tally const& tally) { return {{"count", tally.count}, {"examples", tally.examples}}; }

Tally tally_of(json const& value) { return {value.at("count"), value.at("examples")}; }

json to_value(Tallies const& tallies) {
  json value = json::object();
  for (auto const& [reason, tally] : tallies) value[reason] = to_value(tally);
  return value;
}

Tallies tallies_of(json const& value) {
  Tallies tallies;
  for (auto const& [reason, tally] : value.items()) tallies[reason] = tally_of(tally);
  return tallies;
}

}  // namespace

Index BuildReport::total_kept() const {
  Index total = 0;
  for (auto const& [name, count] : kept) total += count;
  return total;
}

Index BuildReport::total_dropped() const { return total(dropped); }

std::string BuildReport::to_json() const {
  json value{{"dropped", to_value(dropped)},
             {"broken_archives", to_value(broken_archives)},
             {"used", to_value(used)},
             {"items", items}};
  // Their numbers stand by themselves, as they always did.
  value["ignored"] = value["ignored_examples"] = json::object();
  for (auto const& [reason, tally] : ignored) {
    value["ignored"][reason] = tally.count;
    value["ignored_examples"][reason] = tally.examples;
  }
  value["kept"] = kept;
  value["total_kept"] = total_kept();
  value["total_dropped"] = total_dropped();
  value["archives"] = archives;
  value["bytes"] = bytes;
  value["shards"] = shards;
  value["classes"] = classes;
  return dump(value, 2);
}

void write_record(std::filesystem::path const& path, UnitRecord const& record) {
  json shards = json::array();
  for (PartShard const& part : record.shards)
    shards.push_back({{"dataset", part.dataset},
                      {"entry", json::parse(to_json(part.entry))},
                      {"unlabelled", to_hex(part.unlabelled)},
                      {"labels", part.labels}});
  json value{{"dropped", to_value(record.report.dropped)},
             {"ignored", to_value(record.report.ignored)},
             {"broken_archives", to_value(record.report.broken_archives)},
             {"items", record.report.items}};
  value["shards"] = shards;
  value["classes"] = record.classes;
  value["bytes"] = record.report.bytes;
  write_file_atomically(path, dump(value, -1));
}

UnitRecord read_record(std::filesystem::path const& path, std::size_t modalities) {
  auto const read = [&](json const& value) {
    UnitRecord record;
    record.classes = value.at("classes");
    record.report.bytes = value.at("bytes");
    for (json const& part : value.at("shards"))
      record.shards.push_back(
          {part.at("dataset"), shard_entry_from_json(part.at("entry").dump(), modalities),
           hash128_from_hex(part.at("unlabelled").get<std::string>()), part.at("labels")});
    record.report.dropped = tallies_of(value.at("dropped"));
    record.report.ignored = tallies_of(value.at("ignored"));
    record.report.items = value.at("items");
    record.report.broken_archives = tally_of(value.at("broken_archives"));
    return record;
  };
  return read_json(read_file(path),
                   path.string() + ": damaged; remove this file and run the build again", read);
}

}  // namespace accord::io
