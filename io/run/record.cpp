#include "io/run/record.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"
#include "io/file/json_integer.hpp"

namespace accord::io {

void write_run_record(std::filesystem::path const& path, RunRecord const& record) {
  nlohmann::ordered_json json;
  json["last_step"] = record.last_step;
  json["checkpoint"] = record.checkpoint;
  json["reason"] = record.reason;
  if (!record.may_change.empty()) json["may_change"] = record.may_change;
  write_file_atomically(path,
                        json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

std::optional<RunRecord> read_run_record(std::filesystem::path const& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  return read_json(read_file(path, 1 << 20), path.string() + ": not a run record",
                   [](nlohmann::json const& json) {
                     return RunRecord{json_integer<Index>(json.at("last_step")),
                                      json.at("checkpoint").get<std::string>(),
                                      json.at("reason").get<std::string>(),
                                      json.value("may_change", std::vector<std::string>())};
                   });
}

}  // namespace accord::io
