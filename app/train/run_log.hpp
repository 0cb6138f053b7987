#pragma once
// What a run writes into its log.directory while it goes on.

#include <memory>
#include <string>
#include <vector>

#include "io/checkpoint/directory.hpp"
#include "io/loader/sample_loader.hpp"
#include "io/run/folder.hpp"

namespace accord::app {

/// Metrics, validation (both for TensorBoard too), replaced samples, events, and the record at the
/// end. World rank 0 writes; on the others nothing happens.
class RunLog {
 public:
  /// Makes the folder. \param announce  what users should see at once \throws IoError
  RunLog(std::filesystem::path const& directory, bool writes, io::Announce announce);

  /// Continues the files after `step`; at step 0 what an earlier run left is set aside.
  /// \param begun  the first event \throws IoError
  void begin(std::string const& configuration_toml, Index step, bool validates,
             std::string const& begun);

  // After begin(). \throws IoError
  void metrics(io::MetricsLine const& line);
  void validation(io::MetricsLine const& line);  ///< where begin() was told so
  /// Lists samples that others stood in for; the first few are announced, too.
  void skipped(std::vector<io::SkippedSample> const& samples, Index global_batch);
  void event(Index step, std::string const& text);
  /// The last thing of all.
  void end(io::RunRecord const& record);

 private:
  io::Announce announce_;
  std::unique_ptr<io::RunFolder> folder_;
  std::unique_ptr<io::MetricsFile> metrics_, validation_, skipped_;
  std::unique_ptr<io::EventFile> tensorboard_;
  int announced_ = 0;  ///< samples
};

}  // namespace accord::app
