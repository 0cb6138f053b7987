#pragma once
// The loop of `accord train` around Training, with logs, checkpoints and stops.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/cli/progress.hpp"
#include "app/train/decision.hpp"
#include "app/train/diverged.hpp"
#include "app/train/run_folders.hpp"
#include "app/train/run_log.hpp"
#include "app/train/step_interval.hpp"
#include "app/train/trace.hpp"
#include "app/train/training.hpp"
#include "app/train/validation.hpp"
#include "io/checkpoint/retention.hpp"
#include "parallel/comm/mpi_environment.hpp"
#include "parallel/comm/watchdog.hpp"

namespace accord::app {

class TrainRun {
 public:
  /// Collective. `mpi` outlives this.   \param allowed  keys that may differ from the checkpoint's
  /// \throws UsageError, DataError or IoError as the parts of a run do
  TrainRun(parallel::MpiEnvironment const& mpi, Config const& config,
           std::vector<std::string> allowed);

  /// Collective. From the newest checkpoint, or the start, to the end or a stop. Returns the exit
  /// code. \throws Error; what failed is then in the list of events and in the record
  int run();

 private:
  bool first() const { return mpi_.rank() == 0; }
  Config const& config() const { return training_.config(); }
  double seconds() const { return Progress::steady_seconds() - began_; }

  bool start();
  bool asked_to_stop();
  std::string take_weights(std::optional<io::OpenCheckpoint>& resumed);
  struct Pace;
  Stop loop();
  Stop advance(Pace& pace);
  bool rewind(Diverged const& failure, Pace& pace);
  bool validation_due(Index step) const;
  bool validation_missing();
  double validate(Index step, Progress& progress);
  double save();
  Index list_skipped();
  void log(StepReport const& report, IntervalFigures figures);
  int end(Stop stop);
  std::string last_words(Stop stop) const;
  void note(Error const& failure, bool diverged);

  double began_;
  parallel::MpiEnvironment const& mpi_;
  std::vector<std::string> allowed_;
  Queue queue_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  std::unique_ptr<parallel::GroupCommunicator> world_;
  RunFolders folders_;
  parallel::Watchdog watchdog_;
  Training training_;
  RunTrace trace_;
  RunLog log_;
  io::Retention retention_;
  std::unique_ptr<Validation> validation_;  ///< null without data.validation
  Index listed_ = 0;                        ///< samples that were replaced
  Index first_step_ = 1;                    ///< that this process makes
  double loading_seconds_ = 0;              ///< of a checkpoint
  Index rewinds_ = 0;
  Index rewound_to_ = -1,
        passed_ = 0;        ///< the step of the last one, and the batches left behind it
  std::string checkpoint_;  ///< the newest durable one
};

}  // namespace accord::app
