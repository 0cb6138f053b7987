// Whether a configuration makes sense, alone and for a given number of ranks.

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <numeric>
#include <set>

#include "app/cli/text.hpp"
#include "app/config/config.hpp"
#include "core/base/require.hpp"
#include "core/model/objective.hpp"
#include "io/dataset/item_kind.hpp"

namespace accord::app {
namespace {

void check_stack(StackConfig const& stack, std::string const& section) {
  constexpr Index most = 1 << 20;  // far beyond any model, and divisors of it are soon listed
  auto const positive = [&](Index value, char const* key) {
    require(value > 0, "{0}.{1} is not set; give it{2}", section, key,
            section == "model" ? ", or model.preset" : "");
    require(value <= most, "{}.{} = {} is more than {}", section, key, value, most);
  };
  positive(stack.embed_dim, "embed_dim");
  positive(stack.layers, "layers");
  positive(stack.heads, "heads");
  positive(stack.ffn_dim, "ffn_dim");
  require(stack.embed_dim % stack.heads == 0,
          "{0}.heads = {1} does not divide {0}.embed_dim = {2}; choose one of {3}", section,
          stack.heads, stack.embed_dim, joined(divisors_of(stack.embed_dim)));
}

void check_modality(ModalityConfig const& modality, ModelConfig const& model) {
  std::string const at = "modality." + modality.name;
  require(io::is_modality_name(modality.name), "{} cannot be the name of a modality: give {}", at,
          io::modality_name_rules);
  require(!modality.adapter.empty(), "{}.adapter is not set; give one of {}", at,
          joined(adapter_family_names()));
  adapter_family(modality.adapter).check(modality, model.encoder.embed_dim);
}

void check_objective(ObjectiveConfig const& objective, ModelConfig const& model) {
  std::string const at = "objective." + objective.name;
  auto const distinct = [](std::vector<Modality> const& modalities) {
    return std::set<Modality>(modalities.begin(), modalities.end()).size() == modalities.size();
  };
  require(!objective.student.empty(),
          "{}.student is not set; list the modalities, as in [\"image\"]", at);
  require(distinct(objective.student) && distinct(objective.teacher),
          "{}: a modality is listed twice", at);
  objective_family(objective.kind).check(objective, model);
}

}  // namespace

void check(Config const& config) {
  ModelConfig const& model = config.model;
  check_stack(model.encoder, "model");
  if (model.decoder.layers > 0) check_stack(model.decoder, "model.decoder");
  require(!model.modalities.empty(), "there is no [[modality]]");
  for (ModalityConfig const& modality : model.modalities) check_modality(modality, model);
  for (ObjectiveConfig const& objective : model.objectives) check_objective(objective, model);
  require(std::count_if(
              model.objectives.begin(), model.objectives.end(),
              [](ObjectiveConfig const& o) { return objective_family(o.kind).labelled; }) <= 1,
          "there are several classify terms; keep one: samples have one set of labels");

  TrainConfig const& train = config.train;
  require(train.steps == 0 || train.epochs == 0,
          "train.steps and train.epochs are both given; keep one");
  require(train.steps > 0 || train.epochs > 0,
          "neither train.steps nor train.epochs is given; give one");
  require(train.global_batch > 0,
          "train.global_batch is not set; give the samples per step over all ranks");
  Index const pool = model.loss.denoising_pool;
  if (has_objective(model, &ObjectiveFamily::decodes)) {
    require(
        train.global_batch % pool == 0,
        "train.global_batch = {} is not a multiple of loss.denoising_pool = {}; change one of them",
        train.global_batch, pool);
    require(train.micro_batch % pool == 0,
            "train.micro_batch = {} is not a multiple of loss.denoising_pool = {}, whose samples "
            "must run together",
            train.micro_batch, pool);
  }
  require(train.global_batch % std::max<Index>(train.micro_batch, 1) == 0,
          "train.micro_batch = {} does not divide train.global_batch = {}", train.micro_batch,
          train.global_batch);
  require(train.steps <= std::numeric_limits<Index>::max() / train.global_batch,
          "train.steps = {} times train.global_batch = {} samples are more than 64 bits count",
          train.steps, train.global_batch);
  require(train.global_batch > 1 || !has_objective(model, &ObjectiveFamily::embeds),
          "train.global_batch = 1: a contrast needs at least two samples");
  require(config.schedule.min_learning_rate <= config.schedule.learning_rate,
          "schedule.min_learning_rate = {} is above schedule.learning_rate = {}",
          config.schedule.min_learning_rate, config.schedule.learning_rate);
  require(train.steps == 0 || config.schedule.warmup_steps < train.steps,
          "schedule.warmup_steps = {} leaves nothing of train.steps = {}",
          config.schedule.warmup_steps, train.steps);

  DataConfig const& data = config.data;
  require(data.train.empty() || data.sources.empty(),
          "data.train and [[data.source]] are both given; keep one");
  for (DataSource const& source : data.sources)
    require(!source.path.empty(), "data.source.{}.path is not set", source.name);
  require(data.sources.size() < 2 || train.epochs == 0,
          "train.epochs does not go with a mixture, whose sources have epochs of their own; give "
          "train.steps");
  require(data.crop == io::CropSpec::Kind::shift || data.shift == 0,
          "data.shift = {} needs data.crop = \"shift\"", data.shift);

  require(train.validate_every_steps == 0 || !data.validation.empty(),
          "train.validate_every_steps = {} needs data.validation, a folder of shards",
          train.validate_every_steps);

  require(!config.checkpoint.asynchronous,
          "checkpoint.asynchronous = true is not available yet; use false: training waits for the "
          "write");

  ParallelConfig const& parallel = config.parallel;
  require(parallel.virtual_stages == 1 || parallel.schedule == parallel::ScheduleKind::interleaved,
          "parallel.virtual_stages = {} needs parallel.schedule = \"interleaved\"",
          parallel.virtual_stages);
  require(parallel.virtual_stages == 1 || parallel.pipeline > 1,
          "parallel.virtual_stages = {} needs parallel.pipeline > 1: they take turns on its ranks",
          parallel.virtual_stages);
  require(parallel.schedule != parallel::ScheduleKind::interleaved || parallel.pipeline == 1 ||
              parallel.virtual_stages > 1,
          "parallel.schedule = \"interleaved\" needs parallel.virtual_stages > 1: with one stage a "
          "rank it waits as long as \"1f1b\" and holds more micro-batches; use that, or "
          "parallel.virtual_stages = 2");
  require(!parallel.sequence || parallel.tensor > 1,
          "parallel.sequence = true needs parallel.tensor > 1: it splits rows over those ranks");
}

void check_layout(Config const& config, int world_size, Backend backend) {
  require(!config.model.objectives.empty(),
          "there is no [[objective]] to train for; list some, or take those of a train.stage");
  ParallelConfig const& parallel = config.parallel;
  StackConfig const& encoder = config.model.encoder;
  if (backend == Backend::cuda)
    require(config.train.dtype != DType::float64,
            "train.dtype = \"float64\" is not available on cuda; use \"float32\" or \"bfloat16\", "
            "or --device cpu");
  else
    require(
        config.train.dtype != DType::bfloat16,
        "train.dtype = \"bfloat16\" is not available on the cpu; use \"float32\" or \"float64\"");

  Index const splittable = std::gcd(encoder.heads, encoder.ffn_dim);
  require(splittable % parallel.tensor == 0,
          "parallel.tensor = {} does not divide model.heads = {} and model.ffn_dim = {}; choose "
          "one of {}",
          parallel.tensor, encoder.heads, encoder.ffn_dim, joined(divisors_of(splittable)));
  Index const stages = Index{parallel.pipeline} * parallel.virtual_stages;
  require(stages <= encoder.layers,
          "{} pipeline stages are more than model.layers = {}; use at most that many for "
          "parallel.pipeline x parallel.virtual_stages",
          stages, encoder.layers);
  if (!parallel.stage_layers.empty()) {
    require(static_cast<Index>(parallel.stage_layers.size()) == stages,
            "parallel.stage_layers has {} entries for {} stages", parallel.stage_layers.size(),
            stages);
    Index const sum =
        std::accumulate(parallel.stage_layers.begin(), parallel.stage_layers.end(), Index{0});
    require(sum == encoder.layers, "parallel.stage_layers adds up to {}, but model.layers = {}",
            sum, encoder.layers);
  }

  int const model_ranks = parallel.tensor * parallel.pipeline;
  require(world_size % model_ranks == 0,
          "{} ranks cannot be cut into parallel.pipeline = {} x parallel.tensor = {}; use a "
          "multiple of {} ranks",
          world_size, parallel.pipeline, parallel.tensor, model_ranks);
  Index const data_parallel = world_size / model_ranks;
  Index const batch = config.train.global_batch;
  Index const unit =
      has_objective(config.model, &ObjectiveFamily::decodes) ? config.model.loss.denoising_pool : 1;
  // batch is a multiple of unit: check() saw to it.
  require(batch / unit % data_parallel == 0,
          "train.global_batch = {}{} cannot be shared by {} data-parallel ranks; use one of {}",
          batch, unit > 1 ? fmt::format(" in pools of loss.denoising_pool = {}", unit) : "",
          data_parallel, joined(divisors_of(batch / unit)));
  Index const share = batch / data_parallel;
  Index const micro_batch = resolved_micro_batch(config, static_cast<int>(data_parallel));
  bool const rounds = parallel.schedule == parallel::ScheduleKind::interleaved;
  auto const fits = [&](Index samples) {
    return samples % unit == 0 && (!rounds || share / samples % parallel.pipeline == 0);
  };
  std::vector<Index> legal = divisors_of(share);
  std::erase_if(legal, [&](Index samples) { return !fits(samples); });
  std::string const advice =
      legal.empty() ? "raise train.global_batch" : "choose one of " + joined(legal);
  require(share % micro_batch == 0,
          "train.micro_batch = {} does not divide the {} samples of each of {} data-parallel "
          "ranks; {}",
          micro_batch, share, data_parallel, advice);
  require(fits(micro_batch),
          "parallel.schedule = \"interleaved\" takes micro-batches in rounds of "
          "parallel.pipeline = {}, but train.micro_batch = {} makes {} of the {} samples of each "
          "data-parallel rank; {}, or use \"1f1b\"",
          parallel.pipeline, micro_batch, share / micro_batch, share, advice);
}

std::vector<DataSource> training_sources(DataConfig const& data) {
  if (!data.sources.empty()) return data.sources;
  require(!data.train.empty(),
          "data.train is not set; give a folder of shards, as in --set data.train=FOLDER");
  return {{"train", data.train, 1.0}};
}

Index resolved_micro_batch(Config const& config, int data_parallel) {
  return config.train.micro_batch > 0 ? config.train.micro_batch
                                      : config.train.global_batch / data_parallel;
}

void use_vocabulary(Config& config, Index rows) {
  for (ModalityConfig& modality : config.model.modalities) {
    if (!reads_text(modality)) continue;
    require(modality.vocabulary == 0 || modality.vocabulary == rows,
            "modality.{}.vocabulary = {}, but data.tokenizer = \"{}\" has {} rows; give the "
            "tokenizer that "
            "belongs to this model",
            modality.name, modality.vocabulary, config.data.tokenizer, rows);
    modality.vocabulary = rows;
  }
}

}  // namespace accord::app
