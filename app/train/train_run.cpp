#include "app/train/train_run.hpp"

#include <fmt/format.h>

#include <iostream>

#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/stop_signals.hpp"
#include "app/config/stored.hpp"
#include "app/train/agreed_world.hpp"
#include "app/train/bit_conditions.hpp"
#include "app/train/diverged.hpp"
#include "app/train/head.hpp"
#include "app/train/provisions.hpp"
#include "app/train/resume_notes.hpp"
#include "app/train/save_policy.hpp"
#include "core/base/as_error.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/file/persistence.hpp"

namespace accord::app {
namespace {

void announce(std::string const& text) { std::cerr << text << std::endl; }

/// `score` is that of checkpoint.keep_best.
io::RetentionRules retention_rules(CheckpointConfig const& checkpoint,
                                   std::function<std::optional<double>(Index)> score) {
  io::RetentionRules rules{.keep = checkpoint.keep > 0 ? checkpoint.keep : io::keep_all,
                           .keep_every = checkpoint.keep_every};
  std::string const& metric = checkpoint.keep_best;
  if (metric.empty()) return rules;
  bool const lower_is_better = metric == "loss" || metric.ends_with("_loss");
  rules.score = [=](Index step) {
    std::optional<double> value = score(step);
    if (value && lower_is_better) value = -*value;
    return value;
  };
  return rules;
}

}  // namespace

TrainRun::TrainRun(parallel::MpiEnvironment const& mpi, Config const& config,
                   std::vector<std::string> allowed)
    : began_(Progress::steady_seconds()),
      mpi_(mpi),
      allowed_(std::move(allowed)),
      queue_(selected_backend(mpi.local_rank())),
      tokenizer_(io::Tokenizer::load(config.data.tokenizer)),
      world_(agreed_world(queue_, config, *tokenizer_)),
      folders_(*world_, queue_, config, announce),
      watchdog_(queue_, *world_,
                {config.watchdog.seconds, std::filesystem::path(config.log.directory) / "hang"}),
      training_(queue_, *world_, config, tokenizer_),
      trace_(training_.config().log, queue_, *world_,
             parallel::coordinates_of(training_.mesh(), mpi.rank())),
      log_(config.log.directory, first(), announce),
      retention_(
          config.checkpoint.directory,
          retention_rules(config.checkpoint, [this](Index step) { return log_.followed(step); }),
          announce) {}

int TrainRun::run() {
  try {
    return end(start() ? loop() : Stop::signal);
  } catch (Diverged const& failure) {
    std::string text = failure.what();
    if (failure.step == first_step_ && !checkpoint_.empty())
      text += fmt::format(
          "; {} leads there at once: moved away, it leaves the run to go on from the "
          "one before",
          checkpoint_);
    Diverged const told(text, failure.step);
    note(told, true);
    throw told;
  } catch (std::exception const&) {
    note(as_error(std::current_exception()), false);
    throw;
  }
}

/// Collective. A signal may come to one rank alone.
bool TrainRun::asked_to_stop() {
  return agreed(queue_, *world_, {stop_signalled() ? Stop::signal : Stop::no, false}).stop !=
         Stop::no;
}

/// False where it was asked to stop meanwhile: then nothing was done.
bool TrainRun::start() {
  parallel::Watchdog::Patience const patience(watchdog_);
  if (asked_to_stop()) return false;
  std::optional<io::OpenCheckpoint> resumed;
  double const begin = seconds();
  std::string const begun = take_weights(resumed);
  if (resumed) loading_seconds_ = seconds() - begin;
  if (asked_to_stop()) return false;
  training_.open_data();
  listed_ = training_.skipped_samples();
  first_step_ = training_.completed() + 1;
  if (first()) require_room(config(), training_.total_steps() - training_.completed());
  if (!config().data.validation.empty())
    validation_ = std::make_unique<Validation>(*world_, training_);
  if (asked_to_stop()) return false;
  if (first()) {
    if (resumed)
      for (std::string const& line :
           resume_notes(stored_config(*resumed), resumed->manifest, config(), training_.schedule()))
        announce(line);
    std::cout << head_text(training_, mpi_.size(), begun) << std::flush;
  }
  log_.begin(to_toml(config()), training_.run_id(), training_.completed(), validation_ != nullptr,
             fmt::format("{}: {}", begun, layout_text(training_, mpi_.size())));
  log_.follow(config().checkpoint.keep_best);
  return true;
}

/// From the newest checkpoint of the run, those of another, or none. Says which.
std::string TrainRun::take_weights(std::optional<io::OpenCheckpoint>& resumed) {
  std::string begun = "started";
  io::together(*world_, queue_, [&] {
    if (first()) retention_.remove_leftovers();
  });
  // What the message of a failure advised to change may change.
  if (auto const record = log_.last_record())
    allowed_.insert(allowed_.end(), record->may_change.begin(), record->may_change.end());
  resumed = training_.resume(first() ? io::Announce(announce) : nullptr, allowed_, &retention_);
  if (resumed) {
    checkpoint_ = resumed->folder.string();
    begun = fmt::format("resumed from {}", checkpoint_);
    if (first())
      for (std::string const& change :
           changed_conditions(resumed->manifest.documents.run.conditions,
                              bit_conditions(queue_, training_.mesh())))
        announce(
            fmt::format("{}: {}: goes on equal to rounding, not bit for bit", checkpoint_, change));
  } else if (!config().train.init_from.empty()) {
    begun =
        fmt::format("started from the weights of {}",
                    training_.initialise_from(config().train.init_from, announce).folder.string());
  }
  training_.open_algorithms(resumed, announce);
  return begun;
}

/// What a run measures itself by.
struct TrainRun::Pace {
  Progress progress;
  StopPolicy stops;
  SavePolicy saves;
  StepInterval interval;
};

Stop TrainRun::loop() {
  Index const total = training_.total_steps();
  Pace pace{{std::cerr, first() ? Progress::style_of_stderr() : Progress::Style::silent, "step",
             total, training_.completed()},
            {config().train, total},
            {config().checkpoint, total, seconds()},
            StepInterval(seconds())};
  // Until something was saved: the same bytes were read.
  pace.stops.save_took(loading_seconds_);
  if (validation_missing()) validate(training_.completed(), pace.progress);
  if (pace.stops.after(training_.completed())) return Stop::after_step;
  Stop stop = Stop::no;
  while (training_.completed() < total && stop == Stop::no) {
    try {
      stop = advance(pace);
    } catch (Diverged const& failure) {
      if (!rewind(failure, pace)) throw;
    }
  }
  return stop;
}

/// A step, and what follows it.
Stop TrainRun::advance(Pace& pace) {
  Index const total = training_.total_steps();
  double const step_began = seconds();
  trace_.next_step(training_.completed() + 1);
  watchdog_.at_step(training_.completed() + 1);
  std::optional<parallel::Watchdog::Patience> first_takes_long;
  if (training_.completed() + 1 == first_step_) first_takes_long.emplace(watchdog_);
  StepReport const report = training_.step();
  first_takes_long.reset();
  pace.interval.add(report);
  if (first() && report.step == first_step_)
    pace.progress.message(
        fmt::format("memory at the peak of the first step: {}", queue_.memory().peak_by_owner()));
  if (report.left_out) {
    std::string const text = report.trouble + "; this step is left out";
    pace.progress.message(text);
    log_.event(report.step, text);
  }
  if (report.step % config().log.every_steps == 0 || report.step == total) {
    log(report, pace.interval.figures(seconds()));
    pace.interval = StepInterval(seconds());
  }
  pace.stops.step_took(seconds() - step_began - report.timing_seconds);
  if (report.step == total) training_.require_sound_end();
  // A stop that is asked for leaves a validation to the run that goes on: the save comes first.
  if (validation_due(report.step) && (report.step == total || !asked_to_stop())) {
    double const took = validate(report.step, pace.progress);
    pace.stops.validation_took(took);
    pace.interval.leave_out(took);
  }
  pace.progress.show(report.step, fmt::format("loss {:.3f}", report.loss));
  Decision mine{pace.stops.after_step(report.step, seconds(), stop_signalled(),
                                      validation_due(report.step + 1)),
                pace.saves.due(report.step, seconds())};
  if ((log_.failure() || trace_.failure()) && report.step < total) mine.stop = Stop::unlogged;
  Decision const next = agreed(queue_, *world_, mine);
  if (next.save) {
    double const took = save();
    pace.saves.saved(seconds());
    pace.stops.save_took(took);
    pace.interval.leave_out(took);
    pace.progress.message(fmt::format("step {}: saved {}", report.step, checkpoint_));
  }
  return next.stop;
}

/// Collective. Back to the newest good checkpoint, and past the batches that led from there to the
/// failure. False where that is not wanted, was done too often, or there is none.
bool TrainRun::rewind(Diverged const& failure, Pace& pace) {
  TrainConfig const& train = config().train;
  if (train.nonfinite != NonFinite::rewind || rewinds_ >= train.nonfinite_limit) return false;
  parallel::Watchdog::Patience const patience(watchdog_);
  std::optional<io::OpenCheckpoint> const resumed =
      training_.resume(first() ? io::Announce(announce) : nullptr, allowed_, &retention_);
  if (!resumed) return false;
  ++rewinds_;
  checkpoint_ = resumed->folder.string();
  Index const step = training_.completed();
  // A checkpoint that the run comes back to once more knows nothing of what was passed before.
  passed_ = failure.step - step + (step == rewound_to_ ? passed_ : 0);
  rewound_to_ = step;
  training_.open_data(passed_);
  listed_ = training_.skipped_samples();
  std::string const text = fmt::format("{}: back to {}, and past {} batches from there",
                                       failure.what(), checkpoint_, passed_);
  pace.progress.message(text);
  log_.begin(to_toml(config()), training_.run_id(), step, validation_ != nullptr, text);
  log_.follow(config().checkpoint.keep_best);
  pace.interval = StepInterval(seconds());
  return true;
}

bool TrainRun::validation_due(Index step) const {
  Index const every = config().train.validate_every_steps;
  return validation_ && (step == training_.total_steps() || (every > 0 && step % every == 0));
}

/// Collective. Whether the run was ended between the step of its checkpoint and the validation that
/// was due there.
bool TrainRun::validation_missing() {
  if (training_.completed() == 0 || !validation_due(training_.completed())) return false;
  std::int32_t missing = first() && !log_.validated(training_.completed());
  world_->broadcast(queue_, View(&missing, DType::int32, Shape{1}), 0);
  queue_.wait();
  return missing != 0;
}

/// Returns how long it took.
double TrainRun::validate(Index step, Progress& progress) {
  parallel::Watchdog::Patience const patience(watchdog_);  // ranking many candidates is one piece
  TraceSpan const span(queue_, Activity::compute, "validation");
  double const began = seconds();
  std::vector<RetrievalResult> const results = [&] {
    try {
      return validation_->run();
    } catch (Error const& error) {
      throw Error(fmt::format("step {}: on data.validation: {}", step, error.what()),
                  error.exit_code());
    }
  }();
  double const took = seconds() - began;
  ModelConfig const& model = config().model;
  log_.validation(validation_line(step, model, results));
  progress.message(fmt::format("step {}: held out {}", step, validation_text(model, results)));
  return took;
}

/// Returns how long it took.
double TrainRun::save() {
  parallel::Watchdog::Patience const patience(watchdog_);
  folders_.require_held();
  double const began = seconds();
  list_skipped();
  checkpoint_ = training_.save(announce, &retention_).string();
  double const took = seconds() - began;
  log_.event(training_.completed(), fmt::format("saved {} in {:.2f} s", checkpoint_, took));
  return took;
}

/// Collective. Lists what was replaced since the last call; returns the number of all.
Index TrainRun::list_skipped() {
  Index const count = training_.skipped_samples();
  if (count == listed_) return count;
  log_.skipped(training_.take_skipped(), config().train.global_batch, training_.passed_over());
  return listed_ = count;
}

void TrainRun::log(StepReport const& report, IntervalFigures figures) {
  TraceSpan const span(queue_, Activity::communication, "metrics");
  figures.peak_memory_bytes = static_cast<double>(queue_.memory().high_water());
  figures.transient_errors = static_cast<double>(io::transient_errors());
  figures = over_ranks(queue_, *world_, figures);
  Index const skipped = list_skipped();
  log_.metrics(metrics_line(report, figures, mpi_.size(), config().model,
                            config().train.global_batch, skipped));
}

int TrainRun::end(Stop stop) {
  trace_.finish();
  if (log_.begun()) log_.end({training_.completed(), checkpoint_, reason_of(stop)});
  if (first()) {
    std::cout << trace_.report() << std::flush;
    if (std::string const words = last_words(stop); !words.empty()) announce(words);
  }
  std::optional<Error> const& failure = log_.failure() ? log_.failure() : trace_.failure();
  if (failure)
    report_error(mpi_.size() == 1 ? -1 : mpi_.rank(),
                 fmt::format("{}; what was trained is saved in {}", failure->what(), checkpoint_));
  std::int32_t unlogged = failure.has_value();
  world_->all_reduce(queue_, View(&unlogged, DType::int32, Shape{1}), Reduce::max);
  queue_.wait();
  if (unlogged) return static_cast<int>(ExitCode::io);
  return static_cast<int>(stop == Stop::no ? ExitCode::ok : ExitCode::stopped);
}

/// Empty where there is nothing to say.
std::string TrainRun::last_words(Stop stop) const {
  Index const step = training_.completed(), total = training_.total_steps();
  bool const idle = step < first_step_;
  if (!log_.begun())
    return fmt::format(
        "{} while it started: nothing was done{}; run the same command again to go on",
        reason_of(stop), checkpoint_.empty() ? "" : fmt::format(", {} is as it was", checkpoint_));
  if (stop == Stop::no)
    return idle ? fmt::format("all {} steps were done before: there was nothing to do", total) : "";
  std::string const again = stop == Stop::after_step
                                ? "run it again with a larger train.stop_after_step, or 0, to go on"
                                : "run the same command again to go on";
  return fmt::format(
      "{}{} at step {} of {}; {} {}; {}", reason_of(stop),
      stop == Stop::after_step ? fmt::format(" = {}", config().train.stop_after_step) : "", step,
      total, idle ? "nothing was done, and the run stands as it is in" : "saved", checkpoint_,
      again);
}

/// For those who look later: the terminal may be gone.
void TrainRun::note(Error const& failure, bool diverged) {
  if (!log_.begun() || !folders_.held()) return;
  log_.end({training_.completed(), checkpoint_, fmt::format("failed: {}", failure.what()),
            diverged ? advised_changes() : std::vector<std::string>()});
}

}  // namespace accord::app
