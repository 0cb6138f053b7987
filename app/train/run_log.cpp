#include "app/train/run_log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "core/base/printable.hpp"
#include "io/run/skipped_samples.hpp"

namespace accord::app {

RunLog::RunLog(std::filesystem::path const& directory, bool writes, io::Announce announce)
    : announce_(std::move(announce)) {
  if (writes) folder_ = std::make_unique<io::RunFolder>(directory);
}

void RunLog::begin(std::string const& configuration_toml, std::string const& run_id, Index step,
                   bool validates, std::string const& begun) {
  if (!folder_) return;
  std::string const found = folder_->run_id();
  if (step == 0 || (!run_id.empty() && !found.empty() && run_id != found))
    for (std::filesystem::path const& moved : folder_->set_aside_metrics())
      announce_(fmt::format("{}: holds what another run left here", moved.string()));
  folder_->begin(configuration_toml, run_id);
  folder_->add_event(step, begun);
  metrics_ = std::make_unique<io::MetricsFile>(folder_->metrics(), step, announce_);
  tensorboard_ = std::make_unique<io::EventFile>(folder_->tensorboard(), step, announce_);
  skipped_ = std::make_unique<io::MetricsFile>(folder_->skipped(), step, announce_);
  if (validates)
    validation_ = std::make_unique<io::MetricsFile>(folder_->validation(), step, announce_);
}

template <class Write>
void RunLog::attempt(Write&& write) {
  if (!folder_ || failure_) return;
  try {
    write();
  } catch (IoError const& error) {
    failure_ = error;
  }
}

void RunLog::metrics(io::MetricsLine const& line) {
  remember(line);
  attempt([&] {
    metrics_->write(line);
    tensorboard_->write(line);
  });
}

void RunLog::validation(io::MetricsLine const& line) {
  remember(line);
  attempt([&] {
    validation_->write(line);
    tensorboard_->write(line, "validation/");
  });
}

void RunLog::skipped(std::vector<io::SkippedSample> const& samples, Index global_batch,
                     Index passed_over) {
  if (!folder_) return;
  constexpr int most_announced = 20;
  for (io::SkippedSample const& skipped : samples) {
    attempt([&] { skipped_->write(io::skipped_line(skipped, global_batch, passed_over)); });
    if (announced_++ < most_announced)
      announce_(fmt::format("position {} took another sample: {}, sample {} (key '{}'): {}",
                            skipped.position, skipped.source, skipped.sample,
                            printable(skipped.key), printable(skipped.reason)));
    if (announced_ == most_announced)
      announce_(fmt::format("more of them are listed in {} only", folder_->skipped().string()));
  }
}

void RunLog::event(Index step, std::string const& text) {
  attempt([&] { folder_->add_event(step, text); });
}

void RunLog::end(io::RunRecord const& record) {
  attempt([&] {
    folder_->add_event(record.last_step, record.reason);
    folder_->end(record);
  });
}

std::optional<io::RunRecord> RunLog::last_record() const {
  if (!folder_) return std::nullopt;
  try {
    return folder_->record();
  } catch (Error const&) {
    return std::nullopt;
  }
}

bool RunLog::validated(Index step) const {
  if (!folder_ || !std::filesystem::exists(folder_->validation())) return false;
  io::MetricsTable const table = io::read_metrics(folder_->validation());
  std::vector<double> const* const steps = table.find("step");
  return steps && std::ranges::find(*steps, static_cast<double>(step)) != steps->end();
}

void RunLog::follow(std::string const& metric) {
  followed_metric_ = metric;
  if (!folder_ || metric.empty()) return;
  for (std::filesystem::path const& path : {folder_->metrics(), folder_->validation()}) {
    if (!std::filesystem::exists(path)) continue;
    io::MetricsTable const table = io::read_metrics(path);
    std::vector<double> const *const steps = table.find("step"), *const values = table.find(metric);
    for (std::size_t i = 0; steps && values && i < table.rows; ++i)
      if (std::isfinite((*values)[i])) followed_[static_cast<Index>((*steps)[i])] = (*values)[i];
  }
}

void RunLog::remember(io::MetricsLine const& line) {
  if (followed_metric_.empty()) return;
  std::optional<Index> step;
  std::optional<double> found;
  for (auto const& [name, value] : line) {
    double const number = std::visit([](auto x) { return static_cast<double>(x); }, value);
    if (name == "step") step = static_cast<Index>(number);
    if (name == followed_metric_ && std::isfinite(number)) found = number;
  }
  if (step && found) followed_[*step] = *found;
}

std::optional<double> RunLog::followed(Index step) const {
  auto const found = followed_.find(step);
  return found == followed_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace accord::app
