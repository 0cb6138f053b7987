// `accord train`: the loop around Training, with logs, checkpoints and stops.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/progress.hpp"
#include "app/train/agreed_world.hpp"
#include "app/train/bit_conditions.hpp"
#include "app/train/decision.hpp"
#include "app/train/head.hpp"
#include "app/train/provisions.hpp"
#include "app/train/run_log.hpp"
#include "app/train/save_policy.hpp"
#include "app/train/step_interval.hpp"
#include "app/train/stop_signals.hpp"
#include "app/train/trace.hpp"
#include "app/train/validation.hpp"
#include "io/file/persistence.hpp"

namespace accord::app {
namespace {

void announce(std::string const& text) { std::cerr << text << std::endl; }

class TrainRun {
 public:
  TrainRun(parallel::MpiEnvironment const& mpi, Config const& config)
      : began_(Progress::steady_seconds()),
        mpi_(mpi),
        queue_(selected_backend(mpi.local_rank())),
        tokenizer_(io::Tokenizer::load(config.data.tokenizer)),
        world_(agreed_world(queue_, config, *tokenizer_)),
        training_(queue_, *world_, config, tokenizer_),
        trace_(training_.config().log, queue_, *world_,
               parallel::coordinates_of(training_.mesh(), mpi.rank())),
        log_(this->config().log.directory, first(), announce) {}

  int run() {
    start();
    Stop const stop = loop();
    trace_.finish();
    if (first()) std::cout << trace_.report() << std::flush;
    log_.end({training_.completed(), checkpoint_, reason_of(stop)});
    return static_cast<int>(stop == Stop::no ? ExitCode::ok : ExitCode::stopped);
  }

 private:
  bool first() const { return mpi_.rank() == 0; }
  Config const& config() const { return training_.config(); }
  double seconds() const { return Progress::steady_seconds() - began_; }

  void start() {
    std::string const begun = take_weights();
    training_.open_data();
    listed_ = training_.skipped_samples();
    if (first()) require_room(config(), training_.total_steps() - training_.completed());
    if (!config().data.validation.empty())
      validation_ = std::make_unique<Validation>(*world_, training_);
    catch_stop_signals();
    if (first()) std::cout << head_text(training_, mpi_.size(), begun) << std::flush;
    log_.begin(to_toml(config()), training_.completed(), validation_ != nullptr,
               fmt::format("{}: {}", begun, layout_text(training_, mpi_.size())));
  }

  /// From the newest checkpoint of the run, of those of another, or none. Says which.
  std::string take_weights() {
    std::string begun = "started";
    auto const checkpoint = training_.resume(announce);
    if (checkpoint) {
      checkpoint_ = checkpoint->folder.string();
      begun = fmt::format("resumed from {}", checkpoint_);
      if (first())
        for (std::string const& change :
             changed_conditions(checkpoint->manifest.documents.run.conditions,
                                bit_conditions(queue_, training_.mesh())))
          announce(fmt::format("{}: {}: goes on equal to rounding, not bit for bit", checkpoint_,
                               change));
    } else if (!config().train.init_from.empty()) {
      begun = fmt::format(
          "started from the weights of {}",
          training_.initialise_from(config().train.init_from, announce).folder.string());
    }
    training_.open_algorithms(checkpoint, announce);
    return begun;
  }

  Stop loop() {
    Index const total = training_.total_steps(), first_step = training_.completed() + 1;
    Progress progress(std::cerr, first() ? Progress::style_of_stderr() : Progress::Style::silent,
                      "step", total, training_.completed());
    StopPolicy stops(config().train, total);
    SavePolicy saves(config().checkpoint, total, seconds());
    StepInterval interval(seconds());
    if (stops.after(training_.completed())) return Stop::after_step;
    while (training_.completed() < total) {
      trace_.next_step(training_.completed() + 1);
      StepReport const report = training_.step();
      interval.add(report);
      if (first() && report.step == first_step)
        progress.message(fmt::format("memory at the peak of the first step: {}",
                                     queue_.memory().peak_by_owner()));
      if (report.step % config().log.every_steps == 0 || report.step == total) {
        IntervalFigures const figures = interval.figures(seconds());
        stops.step_took(figures.step_seconds);
        log(report, figures);
        interval = StepInterval(seconds());
      }
      if (validation_due(report.step)) interval.leave_out(validate(report.step, progress));
      progress.show(report.step, fmt::format("loss {:.3f}", report.loss));
      Decision const next = agreed(queue_, *world_,
                                   {stops.after_step(report.step, seconds(), stop_signalled()),
                                    saves.due(report.step, seconds())});
      if (next.save) {
        double const took = save();
        saves.saved(seconds());
        stops.save_took(took);
        interval.leave_out(took);
        progress.message(fmt::format("step {}: saved {}", report.step, checkpoint_));
      }
      if (next.stop != Stop::no) return next.stop;
    }
    return Stop::no;
  }

  bool validation_due(Index step) const {
    Index const every = config().train.validate_every_steps;
    return validation_ && (step == training_.total_steps() || (every > 0 && step % every == 0));
  }

  /// Returns how long it took.
  double validate(Index step, Progress& progress) {
    TraceSpan const span(queue_, Activity::compute, "validation");
    double const began = seconds();
    std::vector<RetrievalResult> const results = validation_->run();
    double const took = seconds() - began;
    ModelConfig const& model = config().model;
    log_.validation(validation_line(step, model, results));
    progress.message(fmt::format("step {}: held out {}", step, validation_text(model, results)));
    return took;
  }

  /// Returns how long it took.
  double save() {
    double const began = seconds();
    list_skipped();
    checkpoint_ = training_.save(announce).string();
    double const took = seconds() - began;
    log_.event(training_.completed(), fmt::format("saved {} in {:.2f} s", checkpoint_, took));
    return took;
  }

  /// Collective. Lists what was replaced since the last call; returns the number of all.
  Index list_skipped() {
    Index const count = training_.skipped_samples();
    if (count == listed_) return count;
    log_.skipped(training_.take_skipped(), config().train.global_batch);
    return listed_ = count;
  }

  void log(StepReport const& report, IntervalFigures figures) {
    TraceSpan const span(queue_, Activity::communication, "metrics");
    figures.peak_memory_bytes = static_cast<double>(queue_.memory().high_water());
    figures.transient_errors = static_cast<double>(io::transient_errors());
    figures = over_ranks(queue_, *world_, figures);
    Index const skipped = list_skipped();
    log_.metrics(metrics_line(report, figures, mpi_.size(), config().model,
                              config().train.global_batch, skipped));
  }

  double began_;
  parallel::MpiEnvironment const& mpi_;
  Queue queue_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  std::unique_ptr<parallel::GroupCommunicator> world_;
  Training training_;
  RunTrace trace_;
  RunLog log_;
  std::unique_ptr<Validation> validation_;  ///< null without data.validation
  Index listed_ = 0;                        ///< samples that were replaced
  std::string checkpoint_;                  ///< the newest durable one
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
      return launch([&](parallel::MpiEnvironment const& mpi) {
        if (mpi.rank() == 0) require_outputs(config);
        return TrainRun(mpi, config).run();
      });
    };
  });
}

}  // namespace accord::app
