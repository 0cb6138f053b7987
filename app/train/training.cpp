#include "app/train/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <set>
#include <span>
#include <utility>

#include "app/cli/launch.hpp"
#include "app/cli/progress.hpp"
#include "app/config/classes.hpp"
#include "app/train/algorithms.hpp"
#include "app/train/bit_conditions.hpp"
#include "app/train/diverged.hpp"
#include "core/base/check.hpp"
#include "core/base/trace.hpp"
#include "core/model/flops.hpp"
#include "core/optim/layer_decay.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/file/file.hpp"
#include "io/run/skipped_samples.hpp"
#include "parallel/comm/agreement.hpp"
#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/device_group.hpp"
#include "parallel/pipeline/batch_broadcast.hpp"
#include "parallel/pipeline/stages.hpp"

namespace accord::app {
namespace {

/// A prefix that means no parameter is a typo.
void check_frozen(std::vector<ParameterSpec> const& parameters,
                  std::vector<std::string> const& prefixes) {
  for (std::string const& prefix : prefixes)
    if (std::none_of(parameters.begin(), parameters.end(), [&](ParameterSpec const& parameter) {
          return begins_with(parameter.name, prefix);
        }))
      throw UsageError(fmt::format("train.frozen: no parameter's name begins with \"{}\"", prefix));
}

io::SampleConfig sample_config(Config const& config, std::shared_ptr<io::Tokenizer const> tokenizer,
                               std::optional<io::OrderState> start) {
  io::SampleConfig samples;
  for (DataSource const& source : training_sources(config.data))
    samples.sources.push_back({source.name, source.path, source.weight});
  samples.model = config.model;
  samples.tokenizer = std::move(tokenizer);
  io::CropSpec crop;
  crop.kind = config.data.crop;
  crop.min_scale = config.data.crop_area;
  crop.max_shift = static_cast<int>(config.data.shift);
  samples.pictures.assign(config.model.modalities.size(),
                          {crop, config.data.alpha, config.data.orientation});
  samples.global_batch = config.train.global_batch;
  samples.seed = config.train.seed;
  samples.refresh = config.data.refresh;
  samples.start = std::move(start);
  return samples;
}

std::string new_run_id() {
  std::random_device random;
  return fmt::format("{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random());
}

}  // namespace

parallel::TrainerOptions trainer_options(Config const& config, ParameterStore const& store) {
  TrainConfig const& train = config.train;
  OptimizerConfig const& o = config.optimizer;
  return {.step = {.global_batch = train.global_batch,
                   .seed = train.seed,
                   .recompute = train.recompute,
                   .contrast_gradient = train.contrast_gradient},
          .schedule = config.parallel.schedule,
          .parameters = {.optimizer = {.beta1 = o.beta1,
                                       .beta2 = o.beta2,
                                       .epsilon = o.epsilon,
                                       .weight_decay = o.weight_decay,
                                       .clip_norm = o.clip_norm,
                                       .epsilon_form = config.model.parity.adam_epsilon_corrected
                                                           ? EpsilonForm::corrected
                                                           : EpsilonForm::uncorrected,
                                       .learning_rate_scale = layer_decay_scales(
                                           store, o.layer_decay, config.model.encoder.layers)},
                         .zero = config.parallel.zero == 1 ? parallel::Zero::sharded
                                                           : parallel::Zero::replicated,
                         .sequence_parallel = config.parallel.sequence}};
}

Training::Training(Queue& queue, parallel::GroupCommunicator& world, Config config,
                   std::shared_ptr<io::Tokenizer const> tokenizer)
    : queue_(queue),
      world_(world),
      config_(std::move(config)),
      tokenizer_(std::move(tokenizer)),
      run_id_(new_run_id()) {
  check_layout(config_, world.size(), queue.backend());
  use_vocabulary(config_, tokenizer_->vocabulary());
  use_classes(config_);
  mesh_ = parallel::make_mesh(world.size(), config_.parallel.pipeline, config_.parallel.tensor);
  devices_ = parallel::make_device_group(queue, world);
  if (devices_ && config_.parallel.check_collectives)
    devices_ =
        std::make_unique<parallel::CheckedCommunicator>(std::move(devices_), "world's devices");
  groups_ = parallel::make_groups(devices_ ? *devices_ : world, mesh_,
                                  {.check_collectives = config_.parallel.check_collectives,
                                   .trace = config_.log.trace || config_.watchdog.seconds > 0});

  queue.memory().set_advice(memory_advice);
  TrainConfig const& train = config_.train;
  ParallelConfig const& parallel = config_.parallel;
  parameters_ = Model::describe(config_.model);
  check_frozen(parameters_, config_.model.frozen);
  {
    Memory::Owner const owner(queue.memory(), "weights and gradients");
    model_ = std::make_unique<Model>(
        queue, config_.model, train.dtype, *groups_.tensor,
        parallel::chunks_of_stage(config_.model.encoder.layers, groups_.pipeline->rank(),
                                  mesh_.pipeline, parallel.virtual_stages, parallel.stage_layers),
        parallel.sequence);
  }
  model_->initialise(queue, train.init, train.seed);
  trainer_ = std::make_unique<parallel::Trainer>(queue, *model_, groups_,
                                                 trainer_options(config_, model_->parameters()));
}

void Training::open_algorithms(std::optional<io::OpenCheckpoint> const& resumed,
                               io::Announce const& announce) {
  if (queue_.backend() != Backend::cuda) return;
  if (resumed) {
    io::Documents const& documents = resumed->manifest.documents;
    bool const known = use_algorithms(queue_, world_, documents.algorithms,
                                      (resumed->folder / io::manifest_name).string(), announce);
    algorithms_to_time_ =
        !known || documents.run.conditions.layout != bit_conditions(queue_, mesh_).layout;
    if (!algorithms_to_time_) return;
  }
  algorithms_to_time_ = true;
  std::filesystem::path const file =
      std::filesystem::path(config_.checkpoint.directory) / algorithms_name;
  std::string document;
  io::together(world_, queue_, [&] {
    if (world_.rank() == 0 && std::filesystem::exists(file)) document = io::read_file(file);
  });
  use_algorithms(queue_, world_, document, file.string(), announce);
}

/// The products of a step that nobody uses, over the batch that is trained on next: before step 1
/// all ranks agree on how each is computed. What comes up only later takes the library's first
/// proposal.
void Training::time_algorithms(std::vector<MicroBatch> const& batch) {
  app::time_algorithms(queue_, world_, [&] { trainer_->gradients(batch); });
  io::together(world_, queue_, [&] {
    if (world_.rank() != 0) return;
    std::filesystem::path const folder = config_.checkpoint.directory;
    std::filesystem::create_directories(folder);
    io::write_file_atomically(folder / algorithms_name, algorithms_document(queue_));
  });
  algorithms_to_time_ = false;
}

void Training::open_data(Index more) {
  Index const passed = config_.data.skip_steps - skip_steps_before_ + more;
  if (passed < 0)
    throw UsageError(
        fmt::format("data.skip_steps = {}: the checkpoint has passed over {} batches, and a run "
                    "does not go back",
                    config_.data.skip_steps, skip_steps_before_));
  skip_steps_before_ = config_.data.skip_steps;
  if (groups_.replica->rank() == 0) {
    io::LoaderConfig loader;
    loader.micro_batch = resolved_micro_batch(config_, mesh_.data);
    loader.data_rank = groups_.data->rank();
    loader.data_ranks = groups_.data->size();
    loader.threads = loader_threads(config_.data.threads);
    loader_ = std::make_unique<io::Loader>(sample_config(config_, tokenizer_, data_start_), loader);
    if (passed > 0) {
      data_start_ = loader_->state(passed);
      loader_ =
          std::make_unique<io::Loader>(sample_config(config_, tokenizer_, data_start_), loader);
    }
    steps_per_epoch_ = loader_->steps_per_epoch();
    // Nodes whose copies of the data differ would train on samples twice, or never; those that
    // differ in what was appended, from the next epoch on.
    std::vector<parallel::AgreementItem> items;
    for (auto const& [source, hash] : loader_->indexes())
      items.push_back({"the index of data source " + source, hash});
    items.push_back({"the place in the data", io::to_json(loader_->state())});
    parallel::require_agreement(queue_, *groups_.data, items);
  }
  groups_.replica->broadcast(queue_, View(&steps_per_epoch_, DType::uint64, Shape{1}), 0);
  Index const most_epochs = std::numeric_limits<Index>::max() / config_.train.global_batch /
                            std::max<Index>(static_cast<Index>(steps_per_epoch_), 1);
  if (config_.train.epochs > most_epochs)
    throw UsageError(fmt::format(
        "train.epochs = {}: at {} steps each, of train.global_batch = {} samples, at "
        "most {} can be counted",
        config_.train.epochs, steps_per_epoch_, config_.train.global_batch, most_epochs));
  schedule_ = {config_.schedule.learning_rate, config_.schedule.min_learning_rate,
               config_.schedule.warmup_steps,
               config_.train.steps > 0
                   ? config_.train.steps
                   // What was appended since the run began does not bend its schedule.
                   : total_steps_before_.value_or(config_.train.epochs *
                                                  static_cast<Index>(steps_per_epoch_))};
  if (schedule_.warmup_steps >= schedule_.steps)
    throw UsageError(fmt::format(
        "schedule.warmup_steps = {} leaves nothing of the {} steps of train.epochs = {}",
        schedule_.warmup_steps, schedule_.steps, config_.train.epochs));
}

std::vector<MicroBatch> Training::next_batch(StepReport& report) {
  TraceSpan const span(queue_, Activity::storage, "data");
  std::vector<MicroBatch> batch;
  if (loader_) {
    report.epoch = loader_->epoch();
    double const waited = loader_->data_wait_seconds();
    Index const share = config_.train.global_batch / mesh_.data;
    for (Index samples = 0; samples < share; samples += batch.back().samples())
      batch.push_back(loader_->next());
    report.data_wait_seconds = loader_->data_wait_seconds() - waited;
  }
  groups_.replica->broadcast(queue_, View(&report.epoch, DType::uint64, Shape{1}), 0);
  return parallel::broadcast_batches(queue_, groups_, std::move(batch));
}

StepReport Training::step() {
  StepReport report;
  std::vector<MicroBatch> batch = next_batch(report);
  if (algorithms_to_time_) {
    double const begin = Progress::steady_seconds();
    time_algorithms(batch);
    report.timing_seconds = Progress::steady_seconds() - begin;
  }

  report.learning_rate = learning_rate_at(schedule_, completed());
  double const flops = queue_.flops();
  auto [figures, update] = trainer_->step(batch, report.learning_rate);
  report.executed_flops = queue_.flops() - flops;
  for (MicroBatch const& micro : batch)
    report.model_flops +=
        model_flops(config_.model, model_->passes(), micro, config_.train.global_batch) /
        groups_.replica->size();

  report.terms = std::move(figures.terms);
  report.accuracy = std::move(figures.correct);
  for (double& correct : report.accuracy)
    correct /= static_cast<double>(config_.train.global_batch);
  report.loss = total_loss(config_.model, report.terms);
  report.scalars = std::move(figures.scalars);

  report.grad_norm = update.grad_norm;
  if (update.finite)
    left_out_in_a_row_ = 0;
  else
    leave_out(report, batch);
  report.step = completed();
  if (report.step == total_steps()) last_batch_ = std::move(batch);
  return report;
}

void Training::require_sound_end() {
  std::vector<double> const terms = trainer_->gradients(last_batch_).terms;
  std::string const where = first_bad_gradient();
  std::int32_t unsound = !std::ranges::all_of(terms, [](double x) { return std::isfinite(x); });
  world_.all_reduce(queue_, View(&unsound, DType::int32, Shape{1}), Reduce::max);
  queue_.wait();
  if (unsound || !where.empty())
    throw Diverged(fmt::format("step {}: with the weights that this last step has made, loss or "
                               "gradient are not finite{}; no checkpoint is saved; {}",
                               completed(), where, divergence_advice),
                   completed());
}

Index Training::passed_over() const {
  return loader_
             ? static_cast<Index>(loader_->position()) / config_.train.global_batch - completed()
             : 0;
}

/// Collective. The step had a gradient that is not finite. \throws Diverged where it must not be
/// left out
void Training::leave_out(StepReport& report, std::vector<MicroBatch> const& batch) {
  Index const step = completed() + 1;
  std::uint64_t const first = batch.front().positions.front();
  std::uint64_t const begin =
      first - first % static_cast<std::uint64_t>(config_.train.global_batch);
  report.trouble =
      fmt::format("step {}: the gradient is not finite (loss {}{}; samples at positions {} to {})",
                  step, report.loss, first_bad_gradient(), begin,
                  begin + static_cast<std::uint64_t>(config_.train.global_batch) - 1);
  bool const may = config_.train.nonfinite == NonFinite::skip &&
                   left_out_in_a_row_ < config_.train.nonfinite_limit;
  if (!may) throw Diverged(fmt::format("{}; {}", report.trouble, divergence_advice), step);
  ++left_out_in_a_row_;
  report.left_out = true;
  optimizer().set_completed(step);
}

/// Collective: "; rank 1: element 7 of the gradient of NAME", of the lowest rank that has one in
/// its part. Empty where none has, because only a sum over ranks left the finite numbers.
std::string Training::first_bad_gradient() {
  auto const first_in = [&]<class T>(View values, T) {
    std::vector<T> const host = to_host<T>(queue_, values);
    return io::first_not_finite(values.dtype(), std::as_bytes(std::span(host)));
  };
  try {
    io::together(world_, queue_, [&] {
      for (parallel::LogicalPiece const& piece :
           optimizer().pieces(parallel::TensorKind::gradient, parallel::Copies::primary)) {
        DType const dtype = piece.values.dtype();
        std::optional<Index> at;
        if (dtype == DType::float64) at = first_in(piece.values, double());
        if (dtype == DType::float32) at = first_in(piece.values, float());
        if (at)
          throw Error(fmt::format("element {} of the gradient of {}", piece.logical_begin + *at,
                                  model_->parameters().spec(piece.parameter).name));
      }
    });
    return "";
  } catch (Error const& error) {
    return std::string("; ") + error.what();
  }
}

Index Training::skipped_samples() {
  Index skipped = loader_ ? static_cast<Index>(loader_->skipped().size()) : 0;
  world_.all_reduce(queue_, View(&skipped, DType::int64, Shape{1}));
  return skipped_before_ + skipped;
}

std::vector<io::SkippedSample> Training::take_skipped() {
  std::span<io::SkippedSample const> mine;
  if (loader_)
    mine = std::span(loader_->skipped())
               .subspan(std::exchange(skips_taken_, loader_->skipped().size()));
  return io::gather_skipped(queue_, world_, mine);
}

}  // namespace accord::app
