#include "io/run/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"
#include "io/run/metrics.hpp"

namespace accord::io {
namespace {

constexpr char const *configuration_name = "config.toml", *identity_name = "identity.json";

std::string text_of(std::filesystem::path const& path) {
  return std::filesystem::exists(path) ? read_file(path) : "";
}

/// Where a file of the run before goes: beside it, or, of an event file, into a folder of its own.
std::filesystem::path set_aside(std::filesystem::path const& path, int number) {
  return path.filename() == event_file_name
             ? path.parent_path() / fmt::format("tensorboard-{}", number) / event_file_name
             : path.parent_path() /
                   fmt::format("{}-{}{}", path.stem().string(), number, path.extension().string());
}

}  // namespace

RunFolder::RunFolder(std::filesystem::path directory) : directory_(std::move(directory)) {
  std::error_code error;
  std::filesystem::create_directories(directory_, error);
  if (error)
    throw IoError(fmt::format("{}: cannot make this folder: {}; see log.directory",
                              directory_.string(), error.message()));
}

void RunFolder::begin(std::string const& configuration_toml, std::string const& run_id) const {
  std::filesystem::remove(directory_ / record_name);
  write_file_atomically(directory_ / configuration_name, configuration_toml);
  if (!run_id.empty() && run_id != this->run_id())
    write_file_atomically(directory_ / identity_name,
                          nlohmann::json{{"run", run_id}}.dump() + "\n");
}

std::string RunFolder::run_id() const {
  auto const json = try_parse_json(text_of(directory_ / identity_name));
  return json.is_object() && json.contains("run") && json["run"].is_string() ? json["run"] : "";
}

std::vector<std::filesystem::path> RunFolder::set_aside_metrics() const {
  std::vector<std::filesystem::path> const measured = {metrics(), validation(), skipped(),
                                                       tensorboard()};
  auto const holds_something = [](std::filesystem::path const& path) {
    return std::filesystem::is_regular_file(path) && std::filesystem::file_size(path) > 0;
  };
  if (std::none_of(measured.begin(), measured.end(), holds_something)) return {};
  std::vector<std::filesystem::path> files = measured;
  for (std::filesystem::path const& path :
       {event_list(), directory_ / record_name, directory_ / configuration_name})
    files.push_back(path);
  auto const taken = [&](int number) {
    return std::any_of(files.begin(), files.end(), [&](std::filesystem::path const& path) {
      return std::filesystem::exists(set_aside(path, number));
    });
  };
  int number = 1;
  while (taken(number)) ++number;
  std::vector<std::filesystem::path> moved;
  for (std::filesystem::path const& path : files) {
    if (!holds_something(path)) continue;
    std::filesystem::path const& to = moved.emplace_back(set_aside(path, number));
    std::filesystem::create_directories(to.parent_path());
    rename_durably(path, to);
  }
  return moved;
}

void RunFolder::add_event(std::int64_t step, std::string const& text) const {
  double const now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  nlohmann::ordered_json const line = {{"step", step}, {"unix_seconds", now}, {"text", text}};
  FileHandle const file = open_to_append_lines(event_list());
  append_to(file, event_list(),
            line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

void RunFolder::end(RunRecord const& record) const {
  write_run_record(directory_ / record_name, record);
}

std::string RunFolder::configuration() const { return text_of(directory_ / configuration_name); }

std::vector<Event> RunFolder::events() const {
  std::vector<Event> events;
  std::istringstream lines(text_of(event_list()));
  for (std::string line; std::getline(lines, line);) {
    auto const json = try_parse_json(line);
    if (!json.is_object()) continue;  // cut short by a kill
    try {
      events.push_back({json.value("step", std::int64_t{0}), json.value("unix_seconds", 0.0),
                        json.value("text", std::string())});
    } catch (nlohmann::json::exception const& error) {
      throw DataError(fmt::format("{}: not a list of events: {}",
                                  (directory_ / "events.jsonl").string(), error.what()));
    }
  }
  return events;
}

std::optional<RunRecord> RunFolder::record() const {
  return read_run_record(directory_ / record_name);
}

}  // namespace accord::io
