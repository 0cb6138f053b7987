#pragma once
// Errors of the whole program. This header stays free of fmt: nvcc 13 rejects fmt 9's compile-time
// format strings.

#include <stdexcept>
#include <string>

namespace accord {

/// How the program ends (sysexits). The same from every rank, through mpirun and srun.
enum class ExitCode : int {
  ok = 0,
  usage = 64,     ///< command line or configuration
  data = 65,      ///< unusable data, shard or checkpoint
  internal = 70,  ///< a bug, or a peer that died
  io = 74,        ///< reading or writing failed, a full disk included
  stopped = 75,   ///< stopped on request with a checkpoint saved: run me again
};

/// The one exception type. Libraries throw it; `main` logs it and ends all ranks with exit_code().
/// A message says what is wrong (file, sample or key), what was expected, and what to try.
class Error : public std::runtime_error {
 public:
  explicit Error(std::string const& message, ExitCode code = ExitCode::internal)
      : std::runtime_error(message), code_(code) {}
  ExitCode exit_code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

struct UsageError : Error {
  explicit UsageError(std::string const& message) : Error(message, ExitCode::usage) {}
};
struct DataError : Error {
  explicit DataError(std::string const& message) : Error(message, ExitCode::data) {}
};
struct IoError : Error {
  explicit IoError(std::string const& message) : Error(message, ExitCode::io) {}
};

}  // namespace accord
