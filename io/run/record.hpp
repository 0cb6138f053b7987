#pragma once
// The last thing a run writes. A job that ended with exit code 0 and left no record did not finish.

#include <filesystem>
#include <optional>
#include <string>

#include "core/base/dtype.hpp"

namespace accord::io {

struct RunRecord {
  Index last_step = 0;     ///< the last optimizer step that was done
  std::string checkpoint;  ///< folder of the last durable checkpoint; "" if there is none
  std::string reason;      ///< why the run ended: "finished", "stopped on request", ...
};

/// Replaces `path` in one go, durably. Rank 0 calls it, after everything else. \throws IoError
void write_run_record(std::filesystem::path const& path, RunRecord const& record);

/// Empty if there is none. \throws DataError if the file is something else
std::optional<RunRecord> read_run_record(std::filesystem::path const& path);

}  // namespace accord::io
