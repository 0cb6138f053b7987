#pragma once
// What a run writes into its log.directory while it goes on.

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "io/checkpoint/directory.hpp"
#include "io/loader/sample_loader.hpp"
#include "io/run/folder.hpp"

namespace accord::app {

/// Metrics, validation (both for TensorBoard too), replaced samples, events, and the record at the
/// end. World rank 0 writes; on the others nothing happens. A log that cannot be written, on a disk
/// that is full, is no reason to lose steps: from the first failure on nothing more is written, and
/// failure() says why.
class RunLog {
 public:
  /// Makes the folder. \param announce  what users should see at once \throws IoError
  RunLog(std::filesystem::path const& directory, bool writes, io::Announce announce);

  /// Continues the files after `step`; at step 0, and where they are another run's, what is there
  /// is set aside. \param begun  the first event \param run_id  of a checkpoint; may be empty
  /// \throws IoError
  void begin(std::string const& configuration_toml, std::string const& run_id, Index step,
             bool validates, std::string const& begun);

  // After begin().
  void metrics(io::MetricsLine const& line);
  void validation(io::MetricsLine const& line);  ///< where begin() was told so
  /// Lists samples that others stood in for; the first few are announced, too.
  void skipped(std::vector<io::SkippedSample> const& samples, Index global_batch,
               Index passed_over = 0);
  void event(Index step, std::string const& text);
  /// The last thing of all.
  void end(io::RunRecord const& record);

  bool begun() const { return metrics_ != nullptr; }
  /// Why it could not be written.
  std::optional<Error> const& failure() const { return failure_; }

  // What is there, on the rank that writes.

  /// Of the last end in this folder; nothing if it cannot be read.
  std::optional<io::RunRecord> last_record() const;
  /// Whether validation.jsonl has a line of the step.
  bool validated(Index step) const;
  /// From now on remembers the values of one metric, and those that the files have. After begin().
  void follow(std::string const& metric);
  /// That metric at a step, of the validation if it has it.
  std::optional<double> followed(Index step) const;

 private:
  template <class Write>
  void attempt(Write&& write);
  void remember(io::MetricsLine const& line);

  io::Announce announce_;
  std::unique_ptr<io::RunFolder> folder_;
  std::unique_ptr<io::MetricsFile> metrics_, validation_, skipped_;
  std::unique_ptr<io::EventFile> tensorboard_;
  int announced_ = 0;  ///< samples
  std::optional<Error> failure_;
  std::string followed_metric_;
  std::map<Index, double> followed_;  ///< by step
};

}  // namespace accord::app
