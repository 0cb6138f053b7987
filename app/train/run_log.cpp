#include "app/train/run_log.hpp"

#include <fmt/format.h>

#include <utility>

#include "core/base/printable.hpp"
#include "io/run/skipped_samples.hpp"

namespace accord::app {

RunLog::RunLog(std::filesystem::path const& directory, bool writes, io::Announce announce)
    : announce_(std::move(announce)) {
  if (writes) folder_ = std::make_unique<io::RunFolder>(directory);
}

void RunLog::begin(std::string const& configuration_toml, Index step, bool validates,
                   std::string const& begun) {
  if (!folder_) return;
  folder_->begin(configuration_toml);
  if (step == 0)
    for (std::filesystem::path const& moved : folder_->set_aside_metrics())
      announce_(fmt::format("{}: holds the metrics that an earlier run left here", moved.string()));
  folder_->add_event(step, begun);
  metrics_ = std::make_unique<io::MetricsFile>(folder_->metrics(), step);
  tensorboard_ = std::make_unique<io::EventFile>(folder_->tensorboard(), step);
  skipped_ = std::make_unique<io::MetricsFile>(folder_->skipped(), step);
  if (validates) validation_ = std::make_unique<io::MetricsFile>(folder_->validation(), step);
}

void RunLog::metrics(io::MetricsLine const& line) {
  if (!folder_) return;
  metrics_->write(line);
  tensorboard_->write(line);
}

void RunLog::validation(io::MetricsLine const& line) {
  if (!folder_) return;
  validation_->write(line);
  tensorboard_->write(line, "validation/");
}

void RunLog::skipped(std::vector<io::SkippedSample> const& samples, Index global_batch) {
  if (!folder_) return;
  constexpr int most_announced = 20;
  for (io::SkippedSample const& skipped : samples) {
    skipped_->write(io::skipped_line(skipped, global_batch));
    if (announced_++ < most_announced)
      announce_(fmt::format("position {} took another sample: {}, sample {} (key '{}'): {}",
                            skipped.position, skipped.source, skipped.sample,
                            printable(skipped.key), printable(skipped.reason)));
    if (announced_ == most_announced)
      announce_(fmt::format("more of them are listed in {} only", folder_->skipped().string()));
  }
}

void RunLog::event(Index step, std::string const& text) {
  if (folder_) folder_->add_event(step, text);
}

void RunLog::end(io::RunRecord const& record) {
  if (!folder_) return;
  folder_->add_event(record.last_step, record.reason);
  folder_->end(record);
}

}  // namespace accord::app
