#include "io/run/folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"

namespace accord::io {
namespace {

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

void RunFolder::begin(std::string const& configuration_toml) const {
  std::filesystem::remove(directory_ / "run.json");
  write_file_atomically(directory_ / "config.toml", configuration_toml);
}

std::vector<std::filesystem::path> RunFolder::set_aside_metrics() const {
  std::vector<std::filesystem::path> const files = {metrics(), validation(), skipped(),
                                                    tensorboard()};
  auto const taken = [&](int number) {
    return std::any_of(files.begin(), files.end(), [&](std::filesystem::path const& path) {
      return std::filesystem::exists(set_aside(path, number));
    });
  };
  int number = 1;
  while (taken(number)) ++number;
  std::vector<std::filesystem::path> moved;
  for (std::filesystem::path const& path : files) {
    if (!std::filesystem::is_regular_file(path) || std::filesystem::file_size(path) == 0) continue;
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
  std::ofstream file(directory_ / "events.jsonl", std::ios::app);
  file << line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
  file.flush();
  if (!file)
    throw IoError(fmt::format("{}: writing failed", (directory_ / "events.jsonl").string()));
}

void RunFolder::end(RunRecord const& record) const {
  write_run_record(directory_ / "run.json", record);
}

std::string RunFolder::configuration() const { return text_of(directory_ / "config.toml"); }

std::vector<Event> RunFolder::events() const {
  std::vector<Event> events;
  std::istringstream lines(text_of(directory_ / "events.jsonl"));
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
  return read_run_record(directory_ / "run.json");
}

}  // namespace accord::io
