#pragma once
// What a run leaves in its log.directory, beside metrics.jsonl: the resolved configuration, a list
// of events and, last of all, the record that says how it ended. Written by world rank 0 alone.

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/run/record.hpp"
#include "io/run/tensorboard.hpp"

namespace accord::io {

/// One line of events.jsonl: something that happened to the run, for people.
struct Event {
  std::int64_t step = 0;
  double unix_seconds = 0;
  std::string text;  ///< "resumed from step-00000250"
};

class RunFolder {
 public:
  /// Makes the folder if need be. \throws IoError.
  explicit RunFolder(std::filesystem::path directory);

  std::filesystem::path const& directory() const { return directory_; }
  std::filesystem::path metrics() const { return directory_ / "metrics.jsonl"; }
  std::filesystem::path validation() const { return directory_ / "validation.jsonl"; }
  std::filesystem::path skipped() const { return directory_ / "skipped.jsonl"; }
  std::filesystem::path event_list() const { return directory_ / "events.jsonl"; }
  std::filesystem::path tensorboard() const { return directory_ / event_file_name; }

  /// Takes away the record of an earlier end of the run: it has not ended now. `run_id` tells runs
  /// apart; empty: that of a run begun before there were any, which tells nothing.
  void begin(std::string const& configuration_toml, std::string const& run_id) const;
  /// For a run from its first step on, and one that finds the files of another: where there are
  /// metrics of any kind, what the other left goes from metrics() to metrics-N.jsonl, its
  /// validation, skipped samples, events, record and configuration likewise, and from tensorboard()
  /// into the folder tensorboard-N, because TensorBoard takes the files of one folder for one run.
  /// N is the first number that is free for all of them. Returns the new paths. \throws IoError
  std::vector<std::filesystem::path> set_aside_metrics() const;
  void add_event(std::int64_t step, std::string const& text) const;
  /// Writes run.json, the last thing of all; durable when it returns.
  void end(RunRecord const& record) const;

  /// Empty, or nothing, where the file is missing.
  std::string run_id() const;
  std::string configuration() const;
  std::vector<Event> events() const;
  std::optional<RunRecord> record() const;

 private:
  std::filesystem::path directory_;
};

}  // namespace accord::io
