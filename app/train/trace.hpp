#pragma once
// `[log] trace`: the timeline of some steps of a run, one file per rank, and what it adds up to.

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "core/base/error.hpp"
#include "core/base/trace.hpp"
#include "core/comm/communicator.hpp"
#include "parallel/mesh/mesh.hpp"

namespace accord::app {

/// The trace in Chrome's format (chrome://tracing, ui.perfetto.dev): spans on the row of `rank`,
/// transfers as asynchronous events beside it. Microseconds.
std::string to_chrome_json(Trace const& trace, int rank, std::string const& label);

/// Shares of the ranks side by side, then the parts, for people. \pre not empty
std::string to_table(std::vector<TraceSummary> const& ranks);

/// Traces the steps that [log] names. World rank 0 makes the folder `<log.directory>/trace` and the
/// summary in it.
class RunTrace {
 public:
  /// `queue` and `world` outlive this, as does whatever writes to the queue's trace.
  RunTrace(LogConfig const& log, Queue& queue, Communicator& world,
           parallel::MeshCoordinates const& at);
  ~RunTrace() { queue_.record_trace(nullptr); }

  /// Collective at the first and the last traced step. Call before each step: ends the one before.
  void next_step(Index step);
  /// Collective. Ends the last step and writes what is not written yet.
  void finish();
  /// Why this rank could not write. A timeline is no reason to lose steps.
  std::optional<Error> const& failure() const { return failure_; }
  /// On world rank 0, after finish(), if anything was traced; else empty.
  std::string const& report() const { return report_; }

 private:
  void begin(Index step);
  void write(std::filesystem::path const& file, std::string const& content);

  LogConfig log_;
  Queue& queue_;
  Communicator& world_;
  std::string label_;
  Index steps_ = 0;  // of this run, the present one included
  Index first_ = 0;  // step in the trace
  std::unique_ptr<Trace> trace_;
  std::optional<TraceSpan> step_;
  std::string report_;
  std::optional<Error> failure_;
};

}  // namespace accord::app
