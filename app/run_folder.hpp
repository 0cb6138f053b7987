#pragma once
// What a run leaves in its log.directory, beside metrics.jsonl: the resolved configuration, a list
// of events and, last of all, the record that says how it ended. Written by world rank 0 alone.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace accord::app {

/// One line of events.jsonl: something that happened to the run, for people.
struct Event {
  std::int64_t step = 0;
  double unix_seconds = 0;
  std::string text;  ///< "resumed from step-00000250"
};

/// run.json. A job that exits 0 without one did not finish.
struct RunRecord {
  std::int64_t last_step = 0;
  std::string checkpoint;  ///< folder of the newest durable one; empty: none
  std::string reason;      ///< "finished", "stop_after_step"
  ExitCode exit_code = ExitCode::ok;
};

class RunFolder {
 public:
  /// Makes the folder if need be. \throws IoError.
  explicit RunFolder(std::filesystem::path directory);

  std::filesystem::path const& directory() const { return directory_; }
  std::filesystem::path metrics() const { return directory_ / "metrics.jsonl"; }

  /// Takes away the record of an earlier run that ended here: this one has not. Call first.
  void begin(std::string const& configuration_toml) const;
  void add_event(std::int64_t step, std::string const& text) const;
  /// Durable when it returns.
  void end(RunRecord const& record) const;

  /// Empty, or nothing, where the file is missing.
  std::string configuration() const;
  std::vector<Event> events() const;
  bool read_record(RunRecord& record) const;

 private:
  std::filesystem::path directory_;
};

}  // namespace accord::app
