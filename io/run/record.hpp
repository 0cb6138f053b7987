#pragma once
// The last thing a run writes. A job that ended with exit code 0 and left no record did not finish.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

struct RunRecord {
  Index last_step = 0;     ///< the last optimizer step that was done
  std::string checkpoint;  ///< folder of the last durable checkpoint; "" if there is none
  std::string reason;      ///< why the run ended: "finished", "stopped on request", ...
  /// Keys that the message of a failure advises to change, as "schedule.learning_rate": a resume
  /// takes other values of them.
  std::vector<std::string> may_change = {};
};

inline constexpr char const* record_name = "run.json";

/// Replaces `path` in one go, durably. Rank 0 calls it, after everything else. \throws IoError
void write_run_record(std::filesystem::path const& path, RunRecord const& record);

/// Empty if there is none. \throws DataError if the file is something else
std::optional<RunRecord> read_run_record(std::filesystem::path const& path);

}  // namespace accord::io
