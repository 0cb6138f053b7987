#include "app/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "app/checkpoint_tensors.hpp"
#include "app/config_compare.hpp"
#include "app/launch.hpp"
#include "core/base/check.hpp"
#include "core/base/trace.hpp"
#include "core/model/flops.hpp"
#include "core/optim/layer_decay.hpp"
#include "io/checkpoint/save.hpp"

namespace accord::app {
namespace {

void refuse_unavailable(ParallelConfig const& parallel) {
  if (parallel.tensor > 1) throw UsageError("parallel.tensor > 1 is not available yet; use 1");
  if (parallel.pipeline > 1) throw UsageError("parallel.pipeline > 1 is not available yet; use 1");
}

/// A prefix that means no parameter is a typo. Collective: each rank may hold other parameters.
void check_frozen(Queue& queue, Communicator& world, ParameterStore const& store,
                  std::vector<std::string> const& prefixes) {
  std::vector<Index> found;
  for (std::string const& prefix : prefixes) {
    Index count = 0;
    for (int id = 0; id < store.count(); ++id) count += store.spec(id).name.starts_with(prefix);
    found.push_back(count);
  }
  if (found.empty()) return;
  world.all_reduce(queue,
                   View(found.data(), DType::int64, Shape{static_cast<Index>(found.size())}));
  for (std::size_t i = 0; i < found.size(); ++i)
    if (found[i] == 0)
      throw UsageError(
          fmt::format("train.frozen: no parameter's name begins with \"{}\"", prefixes[i]));
}

AdamwOptions adamw_options(Config const& config, ParameterStore const& store) {
  OptimizerConfig const& o = config.optimizer;
  return {
      .beta1 = o.beta1,
      .beta2 = o.beta2,
      .epsilon = o.epsilon,
      .weight_decay = o.weight_decay,
      .clip_norm = o.clip_norm,
      .epsilon_form = config.model.parity.adam_epsilon_corrected ? EpsilonForm::corrected
                                                                 : EpsilonForm::uncorrected,
      .learning_rate_scale = layer_decay_scales(store, o.layer_decay, config.model.encoder.layers)};
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
  samples.pictures.assign(config.model.modalities.size(), {crop, config.data.alpha});
  samples.global_batch = config.train.global_batch;
  samples.seed = config.train.seed;
  samples.refresh = config.data.refresh;
  samples.start = std::move(start);
  return samples;
}

/// Decoding is a small part of a step; it shares the cores with the computation.
int loader_threads(Config const& config) {
  return config.data.threads > 0 ? static_cast<int>(config.data.threads)
                                 : std::max(1, threads_per_rank() / 4);
}

}  // namespace

Training::Training(Queue& queue, parallel::GroupCommunicator& world, Config config,
                   std::shared_ptr<io::Tokenizer const> tokenizer)
    : queue_(queue), world_(world), config_(std::move(config)), tokenizer_(std::move(tokenizer)) {
  check_layout(config_, world.size(), queue.backend());
  refuse_unavailable(config_.parallel);
  use_vocabulary(config_, tokenizer_->vocabulary());
  mesh_ = parallel::make_mesh(world.size(), config_.parallel.pipeline, config_.parallel.tensor);
  groups_ = parallel::make_groups(world, mesh_);

  TrainConfig const& train = config_.train;
  model_ = std::make_unique<Model>(queue, config_.model, train.dtype, *groups_.tensor,
                                   Model::whole(config_.model));
  check_frozen(queue, world, model_->parameters(), config_.model.frozen);
  model_->initialise(queue, train.init, train.seed);
  ownership_ = std::make_unique<parallel::Ownership>(queue, model_->parameters(), groups_);
  reducer_ = std::make_unique<parallel::GradientReducer>(model_->parameters(), groups_, *ownership_,
                                                         config_.parallel.sequence);
  optimizer_ = std::make_unique<parallel::ShardedOptimizer>(
      queue, model_->parameters(), groups_, *ownership_,
      adamw_options(config_, model_->parameters()),
      config_.parallel.zero == 1 ? parallel::Zero::sharded : parallel::Zero::replicated);
  StepOptions options;
  options.global_batch = train.global_batch;
  options.seed = train.seed;
  options.recompute = train.recompute;
  options.contrast_gradient = train.contrast_gradient;
  train_step_ = std::make_unique<parallel::TrainStep>(queue, *model_, groups_, options);
}

std::optional<io::OpenCheckpoint> Training::resume(io::Announce const& announce) {
  // The configuration first: with another model the tensors would not fit, and say less about why.
  if (world_.rank() == 0)
    if (auto const newest = io::find_newest(config_.checkpoint.directory, announce))
      require_resumable(newest->manifest.documents.configuration, config_, newest->folder);
  CheckpointTensors tensors(model_->parameters(), *optimizer_, Moments::with);
  io::LoadOptions options;
  options.announce = announce;
  std::optional<io::OpenCheckpoint> checkpoint =
      io::load_newest(world_, queue_, config_.checkpoint.directory, tensors.infos(),
                      tensors.pieces(parallel::Copies::all), options);
  if (!checkpoint) return std::nullopt;
  optimizer_->spread_loaded(queue_);
  io::Manifest const& manifest = checkpoint->manifest;
  if (auto const saved = io::Tokenizer::load_from(manifest.documents.tokenizer);
      saved->hash() != tokenizer_->hash())
    throw UsageError(fmt::format(
        "data.tokenizer = \"{}\" is not the vocabulary {} was trained with; give that one, "
        "or another checkpoint.directory to start anew",
        config_.data.tokenizer, checkpoint->folder.string()));
  optimizer_->set_completed(manifest.step);
  data_start_ = io::order_state_from_json(manifest.documents.loader);
  if (auto const note = manifest.documents.run.find("skipped_samples");
      note != manifest.documents.run.end())
    skipped_before_ = std::stoll(note->second);
  return checkpoint;
}

io::OpenCheckpoint Training::initialise_from(std::filesystem::path const& path,
                                             io::Announce const& announce) {
  io::OpenCheckpoint checkpoint = io::open_together(world_, queue_, path, announce);
  CheckpointTensors tensors(model_->parameters(), *optimizer_, Moments::without);
  // A new run begins with its own temperature (spec 2.4), and with fresh values of what the source
  // does not know.
  for (std::string const& name : tensors.keep_only([&](io::TensorInfo const& info) {
         if (info.name == "logit_scale") return false;
         return std::any_of(
             checkpoint.manifest.tensors.begin(), checkpoint.manifest.tensors.end(),
             [&](io::StoredTensor const& stored) { return stored.info.path() == info.path(); });
       }))
    if (world_.rank() == 0 && announce && name != "logit_scale")
      announce(fmt::format("{}: has no {}, which starts afresh", checkpoint.folder.string(), name));
  io::LoadOptions options;
  options.unlisted = io::Unlisted::skip;
  options.announce = announce;
  io::load_tensors(world_, queue_, checkpoint, tensors.infos(),
                   tensors.pieces(parallel::Copies::all), options);
  optimizer_->spread_loaded(queue_);
  return checkpoint;
}

void Training::open_data() {
  io::LoaderConfig loader;
  loader.micro_batch = resolved_micro_batch(config_, mesh_.data);
  loader.data_rank = groups_.data->rank();
  loader.data_ranks = groups_.data->size();
  loader.threads = loader_threads(config_);
  loader_ = std::make_unique<io::Loader>(sample_config(config_, tokenizer_, data_start_), loader);
  schedule_ = {config_.schedule.learning_rate, config_.schedule.min_learning_rate,
               config_.schedule.warmup_steps,
               config_.train.steps > 0
                   ? config_.train.steps
                   : config_.train.epochs * static_cast<Index>(loader_->steps_per_epoch())};
  if (schedule_.warmup_steps >= schedule_.steps)
    throw UsageError(fmt::format(
        "schedule.warmup_steps = {} leaves nothing of the {} steps of train.epochs = {}",
        schedule_.warmup_steps, schedule_.steps, config_.train.epochs));
}

std::vector<MicroBatch> Training::next_batch() {
  TraceSpan const span(queue_, Activity::storage, "data");
  Index const share = config_.train.global_batch / mesh_.data;
  std::vector<MicroBatch> batch;
  for (Index samples = 0; samples < share; samples += batch.back().samples())
    batch.push_back(loader_->next());
  return batch;
}

void Training::add_over_data_ranks(std::vector<double>& values) {
  groups_.data->all_reduce(
      queue_, View(values.data(), DType::float64, Shape{static_cast<Index>(values.size())}));
}

StepReport Training::step() {
  StepReport report;
  report.epoch = loader_->epoch();
  double const waited = loader_->data_wait_seconds();
  std::vector<MicroBatch> const batch = next_batch();
  report.data_wait_seconds = loader_->data_wait_seconds() - waited;

  double const flops = queue_.flops();
  model_->parameters().zero_gradients(queue_);
  StepFigures figures =
      train_step_->run(batch, [&](Index flat_begin) { reducer_->ready(queue_, flat_begin); });
  reducer_->finish(queue_);
  report.executed_flops = queue_.flops() - flops;
  for (MicroBatch const& micro : batch)
    report.model_flops +=
        model_flops(config_.model, model_->passes(), micro, config_.train.global_batch);

  parallel::add_over_replicas(queue_, groups_, figures);
  report.terms = std::move(figures.terms);
  report.accuracy = std::move(figures.correct);
  for (double& correct : report.accuracy)
    correct /= static_cast<double>(config_.train.global_batch);
  report.loss = total_loss(config_.model, report.terms);
  report.logit_scale = figures.logit_scale;

  report.learning_rate = learning_rate_at(schedule_, optimizer_->completed());
  parallel::StepResult const result = optimizer_->step(queue_, *reducer_, report.learning_rate);
  if (!result.finite)
    throw Error(fmt::format(
        "step {}: the gradient is not finite (loss {}); a lower schedule.learning_rate or more "
        "schedule.warmup_steps may help; the last checkpoint is unharmed",
        optimizer_->completed() + 1, report.loss));
  report.grad_norm = result.grad_norm;
  report.step = optimizer_->completed();
  return report;
}

Index Training::skipped_samples() {
  std::vector<double> mine{static_cast<double>(loader_->skipped().size())};
  add_over_data_ranks(mine);
  return skipped_before_ + static_cast<Index>(mine[0]);
}

std::filesystem::path Training::save(std::map<std::string, std::string> notes,
                                     io::Announce const& announce) {
  TraceSpan const span(queue_, Activity::storage, "checkpoint");
  CheckpointTensors tensors(model_->parameters(), *optimizer_, Moments::with);
  io::Documents documents;
  documents.configuration = to_toml(config_);
  documents.loader = io::to_json(loader_->state());
  documents.tokenizer = tokenizer_->files();
  documents.run = std::move(notes);
  documents.run["skipped_samples"] = std::to_string(skipped_samples());
  io::SaveOptions options;
  options.files = static_cast<int>(config_.checkpoint.files);
  options.keep = config_.checkpoint.keep > 0 ? static_cast<int>(config_.checkpoint.keep)
                                             : std::numeric_limits<int>::max();
  options.announce = announce;
  return io::save_checkpoint(world_, queue_, config_.checkpoint.directory, completed(),
                             tensors.infos(), tensors.const_pieces(parallel::Copies::primary),
                             std::move(documents), std::move(options));
}

}  // namespace accord::app
