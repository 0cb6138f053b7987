#include "app/train/training.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <span>
#include <utility>

#include "app/cli/build_info.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/progress.hpp"
#include "app/config/classes.hpp"
#include "app/config/compare.hpp"
#include "app/config/stored.hpp"
#include "app/train/algorithms.hpp"
#include "app/train/bit_conditions.hpp"
#include "app/train/inheritance.hpp"
#include "app/train/inherited_tables.hpp"
#include "core/base/check.hpp"
#include "core/base/trace.hpp"
#include "core/model/flops.hpp"
#include "core/optim/layer_decay.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/save.hpp"
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
    : queue_(queue), world_(world), config_(std::move(config)), tokenizer_(std::move(tokenizer)) {
  check_layout(config_, world.size(), queue.backend());
  use_vocabulary(config_, tokenizer_->vocabulary());
  use_classes(config_);
  mesh_ = parallel::make_mesh(world.size(), config_.parallel.pipeline, config_.parallel.tensor);
  devices_ = parallel::make_device_group(queue, world);
  if (devices_ && config_.parallel.check_collectives)
    devices_ =
        std::make_unique<parallel::CheckedCommunicator>(std::move(devices_), "world's devices");
  groups_ = parallel::make_groups(
      devices_ ? *devices_ : world, mesh_,
      {.check_collectives = config_.parallel.check_collectives, .trace = config_.log.trace});

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

std::optional<io::OpenCheckpoint> Training::resume(io::Announce const& announce) {
  CheckpointTensors tensors = checkpoint_tensors(Moments::with);
  io::LoadOptions options;
  options.announce = announce;
  // The configuration first: with another model the tensors would not fit, and say less about why.
  options.check = [this](io::OpenCheckpoint const& found) {
    require_resumable(found.manifest.documents.configuration, config_, found.folder);
  };
  std::optional<io::OpenCheckpoint> checkpoint =
      io::load_newest(world_, queue_, config_.checkpoint.directory, tensors.infos(),
                      tensors.pieces(parallel::Copies::all), options);
  if (!checkpoint) return std::nullopt;
  tensors.finish_load();
  optimizer().spread_loaded(queue_);
  io::Manifest const& manifest = checkpoint->manifest;
  if (auto const saved = io::Tokenizer::load_from(manifest.documents.tokenizer);
      saved->hash() != tokenizer_->hash())
    throw UsageError(fmt::format(
        "data.tokenizer = \"{}\" is not the vocabulary {} was trained with; give that one, "
        "or another checkpoint.directory to start anew",
        config_.data.tokenizer, checkpoint->folder.string()));
  optimizer().set_completed(manifest.step);
  data_start_ = io::order_state_from_json(manifest.documents.loader);
  io::RunState const& run = manifest.documents.run;
  skipped_before_ = run.skipped_samples;
  if (world_.rank() == 0) carried_ = io::carried_by(*checkpoint);
  if (carried_) carried_configuration_ = run.carried_configuration;
  if (parse_config(manifest.documents.configuration, checkpoint->folder.string()).train.epochs ==
      config_.train.epochs)
    total_steps_before_ = run.total_steps;
  return checkpoint;
}

io::OpenCheckpoint Training::initialise_from(std::filesystem::path const& path,
                                             io::Announce const& announce) {
  io::OpenCheckpoint checkpoint = io::open_together(world_, queue_, path, announce);
  CheckpointTensors tensors = checkpoint_tensors(Moments::without);
  std::vector<io::TensorInfo> const used = tensors.infos();
  std::vector<std::string> source;
  for (io::StoredTensor const& stored : checkpoint.manifest.tensors)
    if (stored.info.kind == "weight") source.push_back(stored.info.name);
  std::vector<Inherited> const tables =
      inherited_tensors(parameters_, config_.model, checkpoint.manifest);
  auto const is_inherited = [&](std::string const& name) {
    return std::any_of(tables.begin(), tables.end(),
                       [&](Inherited const& table) { return table.parameter.name == name; });
  };
  Inheritance parts = inheritance_of(parameters_, source);
  std::erase_if(parts.missing, is_inherited);
  // A head that tells other classes apart starts afresh.
  for (io::StoredTensor const& stored : checkpoint.manifest.tensors)
    for (ParameterSpec const& parameter : parameters_)
      if (stored.info.kind == "weight" && stored.info.name == parameter.name &&
          parameter.part.kind == ParameterPart::Kind::class_head &&
          stored.info.shape != parameter.shape)
        parts.fresh.push_back(parameter.name);
  if (!parts.missing.empty())
    throw DataError(fmt::format(
        "train.init_from: {} has no {}, though it has the parts these belong to: it is of another "
        "model; take its [model] and [[modality]] keys (`accord checkpoint inspect` shows them)",
        checkpoint.folder.string(), shortened(parts.missing)));
  if (world_.rank() == 0 && announce) {
    std::string const folder = checkpoint.folder.string();
    if (!parts.fresh.empty())
      announce(fmt::format("{}: has no {}: {} tensors of new parts start afresh", folder,
                           shortened(parts.fresh), parts.fresh.size()));
    if (!parts.unused.empty())
      announce(fmt::format("{}: {} tensors have no use here: {}", folder, parts.unused.size(),
                           shortened(parts.unused)));
  }
  std::set<std::string> anew(parts.fresh.begin(), parts.fresh.end());
  for (ParameterSpec const& parameter : parameters_)
    if (parameter.part.kind == ParameterPart::Kind::temperature) anew.insert(parameter.name);
  tensors.keep_only([&](io::TensorInfo const& info) {
    return !anew.contains(info.name) && !is_inherited(info.name);
  });
  io::LoadOptions options;
  options.unlisted = io::Unlisted::skip;
  options.announce = announce;
  io::load_tensors(world_, queue_, checkpoint, tensors.infos(),
                   tensors.pieces(parallel::Copies::all), options);
  tensors.finish_load();
  if (!tables.empty())
    load_inherited(world_, queue_, checkpoint, tables, model_->parameters(), optimizer(), options);
  optimizer().spread_loaded(queue_);
  io::together(world_, queue_, [&] {
    if (world_.rank() != 0) return;
    carried_ = io::carry(checkpoint, used, config_.checkpoint.directory);
    carried_configuration_ = to_toml(whole_config(checkpoint));
  });
  return checkpoint;
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

CheckpointTensors Training::checkpoint_tensors(Moments moments) {
  return {queue_, parameters_, model_->parameters(), optimizer(), moments};
}

void Training::open_data() {
  if (groups_.replica->rank() == 0) {
    io::LoaderConfig loader;
    loader.micro_batch = resolved_micro_batch(config_, mesh_.data);
    loader.data_rank = groups_.data->rank();
    loader.data_ranks = groups_.data->size();
    loader.threads = loader_threads(config_.data.threads);
    loader_ = std::make_unique<io::Loader>(sample_config(config_, tokenizer_, data_start_), loader);
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
  std::vector<MicroBatch> const batch = next_batch(report);
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

  if (!update.finite)
    throw Error(fmt::format(
        "step {}: the gradient is not finite (loss {}); a lower schedule.learning_rate or more "
        "schedule.warmup_steps may help; the last checkpoint is unharmed",
        completed() + 1, report.loss));
  report.grad_norm = update.grad_norm;
  report.step = completed();
  return report;
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

io::RunState Training::run_state() {
  return {.build = build_description(),
          .conditions = bit_conditions(queue_, mesh_),
          .total_steps = total_steps(),
          .skipped_samples = skipped_samples(),
          .carried_configuration = carried_ ? carried_configuration_ : ""};
}

std::filesystem::path Training::save(io::Announce const& announce) {
  TraceSpan const span(queue_, Activity::storage, "checkpoint");
  CheckpointTensors tensors = checkpoint_tensors(Moments::with);
  io::Documents documents;
  documents.configuration = to_toml(config_);
  if (loader_) documents.loader = io::to_json(loader_->state());  // rank 0's count
  documents.algorithms = algorithms_document(queue_);
  documents.tokenizer = tokenizer_->files();
  documents.run = run_state();
  io::SaveOptions options;
  options.files = static_cast<int>(config_.checkpoint.files);
  options.keep = config_.checkpoint.keep > 0 ? static_cast<int>(config_.checkpoint.keep)
                                             : std::numeric_limits<int>::max();
  options.announce = announce;
  if (carried_) options.carried = &*carried_;
  std::filesystem::path folder = io::save_checkpoint(
      world_, queue_, config_.checkpoint.directory, completed(), tensors.infos(),
      tensors.pieces_to_save(queue_, *groups_.tensor), std::move(documents), std::move(options));
  if (carried_) {  // the checkpoint holds the file from now on
    std::filesystem::path const before = std::exchange(carried_->path, folder / io::carried_name);
    std::error_code ignored;
    if (before == std::filesystem::path(config_.checkpoint.directory) / io::carried_name)
      std::filesystem::remove(before, ignored);
  }
  return folder;
}

}  // namespace accord::app
