#pragma once
// The steps between two lines of metrics.jsonl, and the line that they end in.

#include "app/train/training.hpp"
#include "io/run/metrics.hpp"

namespace accord::app {

/// Figures of the steps since the last line.
struct IntervalFigures {
  double step_seconds = 0;       ///< of a step in the mean, on this rank
  double data_wait_seconds = 0;  ///< likewise; of a job: of the rank that waited longest
  double model_flops = 0;        ///< in all; of a job: of all ranks
  double executed_flops = 0;     ///< likewise
  double peak_memory_bytes = 0;  ///< of a job: of the fullest rank
  double transient_errors = 0;   ///< of files, since the process began; of a job: of all ranks
  Index steps = 0;
};

/// Adds up the steps since the last line, on one rank. It has no clock.
class StepInterval {
 public:
  explicit StepInterval(double now) : began_(now) {}

  /// The time in which algorithms were timed is no step's.
  void add(StepReport const& report);
  /// Neither is that of a save or a validation.
  void leave_out(double seconds) { began_ += seconds; }

  /// \pre a step was added
  IntervalFigures figures(double now) const;

 private:
  double began_;
  IntervalFigures sums_;
};

/// Collective: of a rank's figures, the job's. The slowest rank's wait and the fullest rank's
/// memory are what matters to it.
IntervalFigures over_ranks(Queue& queue, Communicator& world, IntervalFigures mine);

/// A line of metrics.jsonl (docs/running.md).   \param interval  a job's, of `ranks` ranks
io::MetricsLine metrics_line(StepReport const& report, IntervalFigures const& interval, int ranks,
                             ModelConfig const& model, Index global_batch, Index skipped_samples);

}  // namespace accord::app
