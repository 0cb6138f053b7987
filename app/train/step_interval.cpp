#include "app/train/step_interval.hpp"

#include <algorithm>

#include "core/model/objective.hpp"

namespace accord::app {

void StepInterval::add(StepReport const& report) {
  ++sums_.steps;
  sums_.data_wait_seconds += report.data_wait_seconds;
  sums_.model_flops += report.model_flops;
  sums_.executed_flops += report.executed_flops;
  leave_out(report.timing_seconds);
}

IntervalFigures StepInterval::figures(double now) const {
  IntervalFigures figures = sums_;
  auto const steps = static_cast<double>(sums_.steps);
  figures.step_seconds = (now - began_) / steps;
  figures.data_wait_seconds /= steps;
  return figures;
}

IntervalFigures over_ranks(Queue& queue, Communicator& world, IntervalFigures mine) {
  double worst[2] = {mine.data_wait_seconds, mine.peak_memory_bytes};
  world.all_reduce(queue, View(worst, DType::float64, Shape{2}), Reduce::max);
  double sums[3] = {mine.model_flops, mine.executed_flops, mine.transient_errors};
  world.all_reduce(queue, View(sums, DType::float64, Shape{3}));
  mine.data_wait_seconds = worst[0];
  mine.peak_memory_bytes = worst[1];
  mine.model_flops = sums[0];
  mine.executed_flops = sums[1];
  mine.transient_errors = sums[2];
  return mine;
}

io::MetricsLine metrics_line(StepReport const& report, IntervalFigures const& interval, int ranks,
                             ModelConfig const& model, Index global_batch, Index skipped_samples) {
  io::MetricsLine line = {{"step", report.step},
                          {"epoch", static_cast<std::int64_t>(report.epoch)},
                          {"samples_seen", report.step * global_batch},
                          {"loss", report.loss}};
  for (std::size_t o = 0; o < model.objectives.size(); ++o)
    line.emplace_back(model.objectives[o].name + "_loss", report.terms[o]);
  std::vector<std::string> const counts = count_names(model), scalars = scalar_names(model);
  for (std::size_t i = 0; i < counts.size(); ++i) line.emplace_back(counts[i], report.accuracy[i]);
  if (std::ranges::find(scalars, "logit_scale") == scalars.end())
    line.emplace_back("logit_scale", 0.0);  // outside tools look for it in every run
  for (std::size_t i = 0; i < scalars.size(); ++i) line.emplace_back(scalars[i], report.scalars[i]);
  double const seconds = interval.step_seconds;
  double const rate = 1e-12 / (seconds * static_cast<double>(interval.steps) * ranks);
  line.insert(line.end(),
              {{"grad_norm", report.grad_norm},
               {"learning_rate", report.learning_rate},
               {"step_seconds", seconds},
               {"data_wait_seconds", interval.data_wait_seconds},
               {"samples_per_second", static_cast<double>(global_batch) / seconds},
               {"model_tflops_per_rank", interval.model_flops * rate},
               {"executed_tflops_per_rank", interval.executed_flops * rate},
               {"peak_memory_bytes", static_cast<std::int64_t>(interval.peak_memory_bytes)},
               {"skipped_samples", skipped_samples}});
  if (interval.transient_errors > 0)
    line.emplace_back("transient_errors", static_cast<std::int64_t>(interval.transient_errors));
  return line;
}

}  // namespace accord::app
