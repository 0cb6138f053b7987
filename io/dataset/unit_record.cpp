#include "io/dataset/unit_record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

namespace accord::io {
namespace {

using nlohmann::json;

// Details of damaged input may hold any bytes.
std::string dump(json const& value, int indent) {
  return value.dump(indent, ' ', false, json::error_handler_t::replace) + "\n";
}

json to_value(Tally const& tally) { return {{"count", tally.count}, {"examples", tally.examples}}; }

Tally tally_of(json const& value) { return {value.at("count"), value.at("examples")}; }

json findings(BuildReport const& report) {
  json dropped = json::object();
  for (auto const& [reason, tally] : report.dropped) dropped[reason] = to_value(tally);
  return {{"dropped", dropped},
          {"ignored", report.ignored},
          {"broken_archives", to_value(report.broken_archives)}};
}

}  // namespace

Index BuildReport::total_kept() const {
  Index total = 0;
  for (auto const& [name, count] : kept) total += count;
  return total;
}

Index BuildReport::total_dropped() const {
  Index total = 0;
  for (auto const& [reason, tally] : dropped) total += tally.count;
  return total;
}

std::string BuildReport::to_json() const {
  json value = findings(*this);
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
  json value = findings(record.report);
  value["shards"] = shards;
  value["classes"] = record.classes;
  value["bytes"] = record.report.bytes;
  write_file_atomically(path, dump(value, -1));
}

UnitRecord read_record(std::filesystem::path const& path, std::size_t modalities) {
  try {
    json const value = json::parse(read_file(path));
    UnitRecord record;
    record.classes = value.at("classes");
    record.report.bytes = value.at("bytes");
    for (json const& part : value.at("shards"))
      record.shards.push_back(
          {part.at("dataset"), shard_entry_from_json(part.at("entry").dump(), modalities),
           hash128_from_hex(part.at("unlabelled").get<std::string>()), part.at("labels")});
    for (auto const& [reason, tally] : value.at("dropped").items())
      record.report.dropped[reason] = tally_of(tally);
    for (auto const& [reason, count] : value.at("ignored").items())
      record.report.ignored[reason] = count;
    record.report.broken_archives = tally_of(value.at("broken_archives"));
    return record;
  } catch (json::exception const& error) {
    throw DataError(fmt::format("{}: {}; remove this file and run the build again", path.string(),
                                error.what()));
  }
}

}  // namespace accord::io
