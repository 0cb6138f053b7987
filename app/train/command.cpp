// `accord train`: the loop around Training, with logs, checkpoints and stops.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <sstream>

#include "app/cli/build_info.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/progress.hpp"
#include "app/cli/text.hpp"
#include "app/train/bit_conditions.hpp"
#include "app/train/stop.hpp"
#include "app/train/trace.hpp"
#include "app/train/training.hpp"
#include "app/train/validation.hpp"
#include "core/model/names.hpp"
#include "io/run/folder.hpp"
#include "io/run/metrics.hpp"
#include "io/run/skipped_samples.hpp"
#include "io/run/tensorboard.hpp"
#include "parallel/comm/agreement.hpp"
#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/mpi_communicator.hpp"
#include "parallel/pipeline/stages.hpp"

namespace accord::app {
namespace {

/// Why a run ends before its last step; the largest of all ranks counts.
enum class Stop : int { no, after_step, time, signal };

char const* reason_of(Stop stop) {
  switch (stop) {
    case Stop::no:
      return "finished";
    case Stop::after_step:
      return "stopped after train.stop_after_step";
    case Stop::time:
      return "stopped before train.stop_before_seconds";
    case Stop::signal:
      return "stopped by a signal";
  }
  return "";
}

/// What happened between two lines of metrics, on this rank.
struct Interval {
  double began = Progress::steady_seconds();
  Index steps = 0;
  double data_wait_seconds = 0, model_flops = 0, executed_flops = 0;

  void add(StepReport const& report) {
    ++steps;
    data_wait_seconds += report.data_wait_seconds;
    model_flops += report.model_flops;
    executed_flops += report.executed_flops;
  }
};

class TrainRun {
 public:
  TrainRun(parallel::MpiEnvironment const& mpi, Config const& config)
      : began_(Progress::steady_seconds()),
        mpi_(mpi),
        queue_(selected_backend(mpi.local_rank())),
        tokenizer_(io::Tokenizer::load(config.data.tokenizer)),
        world_(agreed_world(config)),
        training_(queue_, *world_, config, tokenizer_),
        trace_(training_.config().log, queue_, *world_,
               parallel::coordinates_of(training_.mesh(), mpi.rank())) {}

  int run() {
    if (first()) folder_ = std::make_unique<io::RunFolder>(config().log.directory);
    start();
    Stop const stop = loop();
    trace_.finish();
    if (first()) {
      std::cout << trace_.report() << std::flush;
      folder_->add_event(training_.completed(), reason_of(stop));
      folder_->end({training_.completed(), checkpoint_, reason_of(stop)});
    }
    return static_cast<int>(stop == Stop::no ? ExitCode::ok : ExitCode::stopped);
  }

 private:
  bool first() const { return mpi_.rank() == 0; }
  Config const& config() const { return training_.config(); }

  /// Ranks that disagree would hang or train nonsense: another binary on one node, another file.
  /// Calls are checked, where they are to be, once all ranks are known to do so.
  std::unique_ptr<parallel::GroupCommunicator> agreed_world(Config const& config) {
    std::unique_ptr<parallel::GroupCommunicator> world = parallel::MpiCommunicator::world();
    std::vector<parallel::AgreementItem> items{{"the program", build_description()},
                                               {"the program's file", binary_hash()}};
    std::istringstream text(to_toml(config));
    std::string section;
    for (std::string line; std::getline(text, line);) {
      if (line.starts_with('[')) section = line;
      items.push_back({"the configuration", fmt::format("{} {}", section, line)});
    }
    items.push_back({"the tokenizer", tokenizer_->hash()});
    parallel::require_agreement(queue_, *world, items);
    if (config.parallel.check_collectives)
      world = std::make_unique<parallel::CheckedCommunicator>(std::move(world), "world");
    return world;
  }

  io::Announce announce() {
    return [this](std::string const& text) { std::cerr << text << std::endl; };
  }

  void start() {
    std::string begun = "started";
    auto const checkpoint = training_.resume(announce());
    if (checkpoint) {
      begun = fmt::format("resumed from {}", checkpoint->folder.string());
      checkpoint_ = checkpoint->folder.string();
      if (first())
        for (std::string const& change :
             changed_conditions(checkpoint->manifest.documents.run.conditions,
                                bit_conditions(queue_, training_.mesh())))
          announce()(fmt::format("{}: {}: goes on equal to rounding, not bit for bit", checkpoint_,
                                 change));
    } else if (!config().train.init_from.empty()) {
      begun = fmt::format(
          "started from the weights of {}",
          training_.initialise_from(config().train.init_from, announce()).folder.string());
    }
    training_.open_algorithms(checkpoint, announce());
    training_.open_data();
    listed_ = training_.skipped_samples();
    if (!config().data.validation.empty())
      validation_ = std::make_unique<Validation>(*world_, training_);
    catch_stop_signals();
    if (!first()) return;
    print_head(begun);
    folder_->begin(to_toml(config()));
    if (training_.completed() == 0)
      for (std::filesystem::path const& moved : folder_->set_aside_metrics())
        std::cerr << fmt::format("{}: holds the metrics that an earlier run left here",
                                 moved.string())
                  << std::endl;
    folder_->add_event(training_.completed(), fmt::format("{}: {}", begun, layout()));
    metrics_ = std::make_unique<io::MetricsFile>(folder_->metrics(), training_.completed());
    events_ = std::make_unique<io::EventFile>(folder_->tensorboard(), training_.completed());
    skipped_lines_ = std::make_unique<io::MetricsFile>(folder_->skipped(), training_.completed());
    if (validation_)
      validation_lines_ =
          std::make_unique<io::MetricsFile>(folder_->validation(), training_.completed());
  }

  std::string layout() const {
    parallel::MeshShape const& mesh = training_.mesh();
    return fmt::format(
        "{} rank{} (data {} x pipeline {} x tensor {}{}), {} thread{} each, {}, {}{}", mpi_.size(),
        mpi_.size() == 1 ? "" : "s", mesh.data, mesh.pipeline, mesh.tensor,
        config().parallel.sequence ? ", rows split" : "", threads_per_rank(),
        threads_per_rank() == 1 ? "" : "s", name_of(queue_.backend()),
        name_of(config().train.dtype),
        mesh.pipeline > 1 ? ", layers by stage " + stage_layers() : "");
  }

  /// "2+2 | 2+2": layers of each chunk of each stage.
  std::string stage_layers() const {
    ParallelConfig const& parallel = config().parallel;
    std::vector<std::string> stages;
    for (int stage = 0; stage < parallel.pipeline; ++stage) {
      std::vector<Index> layers;
      for (LayerChunk const& chunk :
           parallel::chunks_of_stage(config().model.encoder.layers, stage, parallel.pipeline,
                                     parallel.virtual_stages, parallel.stage_layers))
        layers.push_back(chunk.layer_end - chunk.layer_begin);
      stages.push_back(joined(layers, "+"));
    }
    return joined(stages, " | ");
  }

  void print_head(std::string const& begun) {
    Index parameters = 0, trained = 0;
    for (ParameterSpec const& parameter : training_.parameters()) {
      parameters += parameter.shape.size();
      if (parameter.trainable) trained += parameter.shape.size();
    }
    std::cout
        << fmt::format(
               "accord {}\n{}\n{}\nseed {}, {} parameters, {} of them trained\n{} steps to do, "
               "{} steps per epoch\n{}\n\n{}\n",
               build_description(), layout(), device_line(queue_.backend()), config().train.seed,
               parameters, trained,
               std::max<Index>(training_.total_steps() - training_.completed(), 0),
               training_.steps_per_epoch(), begun, to_toml(config()))
        << std::flush;
  }

  Stop loop() {
    Progress progress(std::cerr, first() ? Progress::style_of_stderr() : Progress::Style::silent,
                      "step", training_.total_steps(), training_.completed());
    Interval interval;
    last_save_ = Progress::steady_seconds();
    // A run that was stopped there is asked again to stop there, not a step later.
    if (stops_after(training_.completed())) return Stop::after_step;
    Index const first_step = training_.completed() + 1;
    while (training_.completed() < training_.total_steps()) {
      trace_.next_step(training_.completed() + 1);
      StepReport const report = training_.step();
      interval.add(report);
      interval.began += report.timing_seconds;  // no step's, like a save's
      if (first() && report.step == first_step)
        progress.message(
            fmt::format("memory at the peak of the first step: {}", queue_.memory().plan()));
      bool const last = report.step == training_.total_steps();
      if (report.step % config().log.every_steps == 0 || last) {
        log(report, interval);
        interval = {};
      }
      if (validation_due(report.step)) validate(report.step, progress, interval);
      progress.show(report.step, fmt::format("loss {:.3f}", report.loss));
      // Done is done, whatever asks it to stop.
      Stop const stop = last ? Stop::no : stop_now(report.step);
      if (last || stop != Stop::no || save_due(report.step)) {
        save();
        interval.began += save_seconds_;  // the time is no step's
        progress.message(fmt::format("step {}: saved {}", report.step, checkpoint_));
      }
      if (stop != Stop::no) return stop;
    }
    return Stop::no;
  }

  bool stops_after(Index step) const {
    Index const last = config().train.stop_after_step;
    return last > 0 && step >= last && step < training_.total_steps();
  }

  /// Collective: ranks see signals and clocks of their own and must act alike.
  Stop stop_now(Index step) {
    TraceSpan const span(queue_, Activity::communication, "stop");
    double const seconds = Progress::steady_seconds();
    Stop mine = Stop::no;
    if (stops_after(step)) mine = Stop::after_step;
    if (config().train.stop_before_seconds > 0 &&
        seconds - began_ + reserve() > config().train.stop_before_seconds)
      mine = Stop::time;
    if (stop_signalled()) mine = Stop::signal;
    bool const minutes_over = config().checkpoint.every_minutes > 0 &&
                              seconds - last_save_ > 60 * config().checkpoint.every_minutes;
    std::int32_t flags[2] = {static_cast<std::int32_t>(mine), minutes_over};
    world_->all_reduce(queue_, View(flags, DType::int32, Shape{2}), Reduce::max);
    save_by_time_ = flags[1] != 0;
    return static_cast<Stop>(flags[0]);
  }

  /// Time to keep for the save and another step.
  double reserve() const { return 2 * save_seconds_ + longest_step_; }

  bool validation_due(Index step) const {
    Index const every = config().train.validate_every_steps;
    return validation_ && (step == training_.total_steps() || (every > 0 && step % every == 0));
  }

  void validate(Index step, Progress& progress, Interval& interval) {
    TraceSpan const span(queue_, Activity::compute, "validation");
    double const began = Progress::steady_seconds();
    std::vector<RetrievalResult> const results = validation_->run();
    interval.began += Progress::steady_seconds() - began;  // the time is no step's
    if (!first()) return;
    ModelConfig const& model = config().model;
    io::MetricsLine const line = validation_line(step, model, results);
    validation_lines_->write(line);
    events_->write(line, "validation/");
    progress.message(fmt::format("step {}: held out {}", step, validation_text(model, results)));
  }

  bool save_due(Index step) const {
    Index const every = config().checkpoint.every_steps;
    return save_by_time_ || (every > 0 && step % every == 0);
  }

  void save() {
    double const began = Progress::steady_seconds();
    list_skipped();
    checkpoint_ = training_.save(announce()).string();
    last_save_ = Progress::steady_seconds();
    save_seconds_ = last_save_ - began;
    if (first())
      folder_->add_event(training_.completed(),
                         fmt::format("saved {} in {:.2f} s", checkpoint_, save_seconds_));
  }

  /// Collective. Writes down what was replaced since the last call; returns the number of all.
  Index list_skipped() {
    Index const count = training_.skipped_samples();
    if (count == listed_) return count;
    constexpr Index most_announced = 20;
    for (io::SkippedSample const& skipped : training_.take_skipped()) {
      skipped_lines_->write(io::skipped_line(skipped, config().train.global_batch));
      if (announced_++ < most_announced)
        announce()(fmt::format("position {} took another sample: {}, sample {} (key '{}'): {}",
                               skipped.position, skipped.source, skipped.sample, skipped.key,
                               skipped.reason));
      if (announced_ == most_announced)
        announce()(fmt::format("more of them are listed in {} only", folder_->skipped().string()));
    }
    listed_ = count;
    return count;
  }

  void log(StepReport const& report, Interval const& interval) {
    TraceSpan const span(queue_, Activity::communication, "metrics");
    auto const steps = static_cast<double>(interval.steps);
    double const seconds = (Progress::steady_seconds() - interval.began) / steps;
    longest_step_ = std::max(longest_step_, seconds);
    // The slowest rank's wait and the fullest rank's memory are what matters to the job.
    double worst[2] = {interval.data_wait_seconds / steps,
                       static_cast<double>(queue_.memory().high_water())};
    world_->all_reduce(queue_, View(worst, DType::float64, Shape{2}), Reduce::max);
    double flops[2] = {interval.model_flops, interval.executed_flops};
    world_->all_reduce(queue_, View(flops, DType::float64, Shape{2}));
    Index const skipped = list_skipped();
    if (!first()) return;

    Index const batch = config().train.global_batch;
    ModelConfig const& model = config().model;
    io::MetricsLine line = {{"step", report.step},
                            {"epoch", static_cast<std::int64_t>(report.epoch)},
                            {"samples_seen", report.step * batch},
                            {"loss", report.loss}};
    for (std::size_t o = 0; o < model.objectives.size(); ++o)
      line.emplace_back(model.objectives[o].name + "_loss", report.terms[o]);
    for (std::size_t o = 0; o < model.objectives.size(); ++o) {
      ObjectiveConfig const& objective = model.objectives[o];
      if (objective.kind == ObjectiveConfig::Kind::classify)
        line.emplace_back(objective.name + "_accuracy", report.accuracy[2 * o]);
      if (objective.kind != ObjectiveConfig::Kind::contrast) continue;
      Modality const a = objective.student.front(), b = objective.teacher.front();
      line.emplace_back(direction_name(model, a, b) + "_accuracy", report.accuracy[2 * o]);
      line.emplace_back(direction_name(model, b, a) + "_accuracy", report.accuracy[2 * o + 1]);
    }
    double const rate = 1e-12 / (seconds * steps * mpi_.size());
    line.insert(line.end(), {{"logit_scale", report.logit_scale},
                             {"grad_norm", report.grad_norm},
                             {"learning_rate", report.learning_rate},
                             {"step_seconds", seconds},
                             {"data_wait_seconds", worst[0]},
                             {"samples_per_second", static_cast<double>(batch) / seconds},
                             {"model_tflops_per_rank", flops[0] * rate},
                             {"executed_tflops_per_rank", flops[1] * rate},
                             {"peak_memory_bytes", static_cast<std::int64_t>(worst[1])},
                             {"skipped_samples", skipped}});
    metrics_->write(line);
    events_->write(line);
  }

  double began_;
  parallel::MpiEnvironment const& mpi_;
  Queue queue_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  std::unique_ptr<parallel::GroupCommunicator> world_;
  Training training_;
  RunTrace trace_;
  std::unique_ptr<io::RunFolder> folder_;              // world rank 0 alone
  std::unique_ptr<io::MetricsFile> metrics_;           // likewise
  std::unique_ptr<io::EventFile> events_;              // likewise
  std::unique_ptr<Validation> validation_;             // null without data.validation
  std::unique_ptr<io::MetricsFile> validation_lines_;  // world rank 0 alone
  std::unique_ptr<io::MetricsFile> skipped_lines_;     // likewise
  Index listed_ = 0, announced_ = 0;                   // samples that were replaced
  std::string checkpoint_;                             // the newest durable one
  bool save_by_time_ = false;
  double last_save_ = 0, save_seconds_ = 0, longest_step_ = 0;
};

}  // namespace

void add_train(CLI::App& app, Run& run) {
  struct Options {
    std::string file;
    std::vector<std::string> overrides;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "train",
      "Pretrain or fine-tune, under mpirun or srun on any number of ranks; resumes by itself");
  command->footer(
      "A run continues from the newest valid checkpoint in checkpoint.directory, on any number of "
      "ranks.\n"
      "Exit code 75: stopped on request (SIGINT, SIGTERM, SIGUSR1, train.stop_after_step or\n"
      "train.stop_before_seconds) with a checkpoint saved; run it again to go on.");
  command
      ->add_option("--config", options->file,
                   "Configuration (TOML); `accord config --reference` lists its keys")
      ->type_name("FILE")
      ->required();
  add_override_option(*command, options->overrides);
  command->callback([options, &run] {
    run = [options] {
      Config const config = load_config(options->file, options->overrides);
      return launch(
          [&](parallel::MpiEnvironment const& mpi) { return TrainRun(mpi, config).run(); });
    };
  });
}

}  // namespace accord::app
