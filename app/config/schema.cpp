#include "app/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/cli/text.hpp"
#include "app/config/binding.hpp"
#include "app/config/presets.hpp"
#include "core/base/error.hpp"
#include "core/model/modality/masks.hpp"
#include "core/model/objective.hpp"

namespace accord::app {
namespace {

/// Marks a key that may change when a run resumes.
Key may_change(Key key) {
  key.free = true;
  return key;
}

/// Marks one that may change where that is asked for (`train --allow-change`).
Key on_request(Key key) {
  key.on_request = true;
  return key;
}

Section may_change(Section section) {
  for (Key& key : section.keys) key.free = true;
  return section;
}

StackConfig& encoder_of(Config& config) { return config.model.encoder; }
StackConfig& decoder_of(Config& config) { return config.model.decoder; }

std::vector<Key> stack_keys(StackConfig& (*stack)(Config&)) {
  auto size = [stack](std::string name, Index StackConfig::*member, std::string doc) {
    return key<Config>(
               std::move(name), [=](Config& c) -> Index& { return stack(c).*member; },
               std::move(doc))
        .at_least(0)
        .checked_later();
  };
  return {
      size("embed_dim", &StackConfig::embed_dim, "width of a token"),
      size("layers", &StackConfig::layers, "transformer layers"),
      size("heads", &StackConfig::heads, "attention heads; divides embed_dim"),
      size("ffn_dim", &StackConfig::ffn_dim, "inner width of the feed-forward branches"),
  };
}

Section model_section() {
  std::vector<Key> keys = stack_keys(encoder_of);
  Key preset = key<Config>("preset", &Config::preset,
                           "published sizes to start from; keys given here override it")
                   .one_of(preset_names());
  keys.insert(keys.begin(), may_change(preset));
  keys.push_back(key<Config>(
                     "layer_scale_init",
                     [](Config& c) -> double& { return c.model.encoder.layer_scale_init; },
                     "initial LayerScale of the residual branches; 0: none")
                     .at_least(0));
  keys.push_back(key<Config>(
                     "drop_path", [](Config& c) -> double& { return c.model.encoder.drop_path; },
                     "stochastic depth of the last layer, growing linearly from 0 in the first")
                     .at_least(0)
                     .at_most(0.99));
  keys.push_back(key<Config>(
      "layer_position_bias", [](Config& c) -> bool& { return c.model.layer_position_bias; },
      "position-bias tables of each layer's own, for fine-tuning, instead of one for all"));
  return section({"model"}, encoder_of, "The encoder.", std::move(keys));
}

/// The families that read a key of [[modality]]; none: it is of all.
std::vector<std::string> readers_of(std::string const& key) {
  std::vector<std::string> readers;
  for (std::string const& name : adapter_family_names())
    if (std::ranges::count(adapter_family(name).keys, key) > 0) readers.push_back(name);
  return readers;
}

Section modality_section() {
  using M = ModalityConfig;
  Key adapter =
      key<M>("adapter", &M::adapter,
             "family of the input: tokens of a text, patches of a picture, convolutions of a "
             "sound, patches of a series or video")
          .one_of(adapter_family_names());
  adapter.first = true;
  adapter.set = [](Config&, void* table, Value const& value) {
    auto& modality = *static_cast<M*>(table);
    std::string const name = modality.name;
    modality = adapter_family(std::get<std::string>(value)).defaults();
    modality.name = name;
    modality.adapter = std::get<std::string>(value);
  };
  Section modalities = array_section(
      {"modality"}, [](Config& c) -> std::vector<M>& { return c.model.modalities; },
      "What the model reads. `name` is the prefix of its parameters, metrics and shard groups.",
      {
          adapter,
          key<M>("vocabulary", &M::vocabulary,
                 "rows of the token table; 0: as many as the tokenizer has")
              .at_least(0),
          key<M>("positions", &M::positions,
                 "rows of the position table (of a signal: the decoder's)")
              .at_least(2),
          key<M>("bucket_size", &M::bucket_size,
                 "distances told apart by the relative position bias; not of a video")
              .at_least(4),
          key<M>("size", &M::size, "side of the square picture in pixels; a multiple of patch")
              .at_least(1),
          key<M>("patch", &M::patch, "side of a patch in pixels; of a series 1").at_least(1),
          key<M>("position_side", &M::position_side,
                 "patches along a side of the position table, resized at each step where pictures "
                 "have others; 0: as many as they have, a table of another size is resized when "
                 "it is loaded")
              .at_least(0),
          choice<M, StemKind M::*, StemKind>(
              "stem", &M::stem, {{"hmlp", StemKind::hmlp}, {"mlp", StemKind::mlp}},
              "from pixels to tokens: three convolutions with norms, or one matrix"),
          key<M>("sample_rate", &M::sample_rate, "samples per second of a signal").at_least(1),
          key<M>("min_seconds", &M::min_seconds, "a shorter signal is repeated up to here")
              .at_least(0),
          key<M>("max_seconds", &M::max_seconds, "a longer signal ends here").above(0),
          key<M>("channels", &M::channels, "of the convolutions from samples to frames")
              .at_least(1),
          key<M>("kernels", &M::kernels, "samples, then frames, each of those convolutions sees")
              .at_least(1),
          key<M>("strides", &M::strides, "by which each of them moves on").at_least(1),
          key<M>("position_kernel", &M::position_kernel,
                 "frames each convolution of the positions sees")
              .at_least(1),
          key<M>("position_groups", &M::position_groups,
                 "channel groups of those; divides model.embed_dim")
              .at_least(1),
          key<M>("position_layers", &M::position_layers, "how many of those there are").at_least(1),
          key<M>("frame", &M::frame,
                 "shape of one frame: [channels] of a series, [height, width, channels] of a video")
              .at_least(1)
              .checked_later(),
          key<M>("patch_frames", &M::patch_frames, "frames that a patch covers").at_least(1),
          key<M>("max_frames", &M::max_frames, "a longer series or video ends here")
              .at_least(0)
              .checked_later(),
          key<M>("mean", &M::mean, "of each channel; subtracted from what is read; empty: 0"),
          key<M>("std", &M::std, "of each channel; what is left is divided by it; empty: 1")
              .above(0),
          choice<M, MaskKind M::*, MaskKind>("mask", &M::mask,
                                             {{name_of(MaskKind::whole_word), MaskKind::whole_word},
                                              {name_of(MaskKind::uniform), MaskKind::uniform},
                                              {name_of(MaskKind::block), MaskKind::block}},
                                             "how tokens are chosen for masking"),
          key<M>("mask_ratio", &M::mask_ratio, "part masked when the modality stands alone")
              .at_least(0)
              .at_most(1),
          choice<M, JointMask M::*, JointMask>(
              "joint_mask", &M::joint_mask,
              {{"complement", JointMask::complement}, {"independent", JointMask::independent}},
              "in a joint sequence: what the mask alone leaves, or drawn without regard to it"),
          key<M>("joint_mask_ratio", &M::joint_mask_ratio, "part masked in a joint sequence")
              .at_least(0)
              .at_most(1),
      });
  for (Key& key : modalities.keys) key.adapters = readers_of(key.name);
  return modalities;
}

// The file says "image", the model holds indices.
std::string name_of(Config const& config, Modality modality) {
  return modality == Modality::none ? "" : config.model.modalities[modality.index()].name;
}

Modality modality_named(Config const& config, std::string const& name) {
  Modality const modality = find_modality(config.model, name);
  if (modality == Modality::none)
    throw UsageError(fmt::format("there is no [[modality]] named \"{}\"", name));
  return modality;
}

Key modalities_key(std::string name, std::vector<Modality> ObjectiveConfig::*member,
                   std::string doc) {
  Key key;
  key.name = std::move(name);
  key.type = Key::Type::texts;
  key.doc = std::move(doc);
  key.get = [member](Config const& config, void const* table) {
    std::vector<std::string> names;
    for (Modality const m : static_cast<ObjectiveConfig const*>(table)->*member)
      names.push_back(name_of(config, m));
    return Value(names);
  };
  key.set = [member](Config& config, void* table, Value const& value) {
    std::vector<Modality> modalities;
    for (std::string const& name : std::get<std::vector<std::string>>(value))
      modalities.push_back(modality_named(config, name));
    static_cast<ObjectiveConfig*>(table)->*member = modalities;
  };
  return key;
}

Section objective_section() {
  using O = ObjectiveConfig;
  Key modality;
  modality.name = "modality";
  modality.doc =
      "whose tokens are predicted, or whose class token is read; not needed where the student is "
      "one modality";
  modality.get = [](Config const& config, void const* table) {
    return Value(name_of(config, static_cast<O const*>(table)->modality));
  };
  modality.set = [](Config& config, void* table, Value const& value) {
    static_cast<O*>(table)->modality = modality_named(config, std::get<std::string>(value));
  };
  std::vector<std::string> kinds, summaries;
  for (ObjectiveFamily const* family : objective_families()) {
    kinds.emplace_back(family->name);
    summaries.push_back(fmt::format("{}: {}", family->name, family->summary));
  }
  O unset;
  unset.modality =
      Modality::none;  // told apart from the first modality until loading has filled it in
  return array_section(
      {"objective"}, [](Config& c) -> std::vector<O>& { return c.model.objectives; },
      "The terms of the loss. A term's metric is `<name>_loss`.",
      {
          key<O>("kind", &O::kind, joined(summaries, "; ")).one_of(kinds),
          modalities_key("student", &O::student,
                         "modalities of the pass that learns (denoise: masked)"),
          modalities_key(
              "teacher", &O::teacher,
              "contrast: the other side; denoise: modalities of the whole pass that is predicted"),
          modality,
          key<O>("weight", &O::weight, "factor of the term in the loss").at_least(0),
          choice<O, Pooling O::*, Pooling>(
              "pooling", &O::pooling,
              {{"attention", Pooling::attention}, {"class_token", Pooling::class_token}},
              "classify: what the head reads, all tokens but the class token by attention, or that "
              "token alone"),
          key<O>("classes", &O::classes, "classify: how many; 0: as many as the data name")
              .at_least(0),
          key<O>("class_names", &O::class_names,
                 "classify: by class number; empty: as the data name them"),
      },
      unset);
}

Section data_section() {
  using D = DataConfig;
  return section(
      {"data"}, &Config::data, "Where samples come from.",
      {
          may_change(key<D>("train", &D::train,
                            "folder of shards to train on; short form of one [[data.source]]")),
          may_change(
              key<D>("validation", &D::validation,
                     "folder of shards to measure retrieval on while training; empty: none")),
          may_change(
              key<D>("tokenizer", &D::tokenizer, "\"bytes\", or a folder with vocabulary files")),
          key<D>("max_tokens", &D::max_tokens,
                 "tokens per caption before the end mark; 0: 200 for bytes, otherwise 70")
              .at_least(0),
          choice<D, io::Refresh D::*, io::Refresh>(
              "refresh", &D::refresh,
              {{"epoch", io::Refresh::epoch}, {"never", io::Refresh::never}},
              "whether crops and masks of a sample are drawn anew each epoch"),
          choice<D, io::CropSpec::Kind D::*, io::CropSpec::Kind>(
              "crop", &D::crop,
              {{"random_resized", io::CropSpec::Kind::random_resized},
               {"shift", io::CropSpec::Kind::shift},
               {"resize", io::CropSpec::Kind::resize}},
              "training pictures: a random part resized, resized and moved, or only resized"),
          choice<D, io::Alpha D::*, io::Alpha>(
              "alpha", &D::alpha, {{"drop", io::Alpha::drop}, {"white", io::Alpha::white}},
              "transparent pixels: keep the colour they hide, or lay the picture on white"),
          choice<D, io::Orientation D::*, io::Orientation>(
              "orientation", &D::orientation,
              {{"stored", io::Orientation::stored}, {"exif", io::Orientation::exif}},
              "pictures as they are stored, as the official code reads them, or turned as EXIF "
              "says"),
          key<D>("crop_area", &D::crop_area, "least part of the picture that a random crop keeps")
              .above(0)
              .at_most(1),
          key<D>("shift", &D::shift, "most pixels by which crop = \"shift\" moves a picture")
              .at_least(0),
          on_request(key<D>("skip_steps", &D::skip_steps,
                            "batches that are passed over; grown on a resume, the run goes on so "
                            "many batches further on")
                         .at_least(0)),
          may_change(key<D>("threads", &D::threads,
                            "decoding threads of a rank; 0: its share of the cores")
                         .at_least(0)
                         .at_most(4096)),
      });
}

Section source_section() {
  using S = DataSource;
  return array_section(
      {"data", "source"}, [](Config& c) -> std::vector<S>& { return c.data.sources; },
      "A mixture of data sets, instead of data.train.",
      {
          may_change(key<S>("path", &S::path, "folder of shards")),
          key<S>("weight", &S::weight, "share of the samples, relative to the others").above(0),
      });
}

Section loss_section() {
  using L = LossConfig;
  return section(
      {"loss"}, [](Config& c) -> L& { return c.model.loss; }, "Constants of the loss.",
      {
          key<L>("denoising_pool", &L::denoising_pool,
                 "consecutive samples whose tokens are the candidates of a denoising term")
              .at_least(1),
          key<L>("dcl_scale", &L::dcl_scale, "inverse temperature of the denoising contrast")
              .above(0),
          key<L>("label_smoothing", &L::label_smoothing, "of the denoising contrast")
              .at_least(0)
              .at_most(0.99),
          key<L>("contrast_label_smoothing", &L::contrast_label_smoothing,
                 "of the cross-modal contrast")
              .at_least(0)
              .at_most(0.99),
          key<L>("classify_label_smoothing", &L::classify_label_smoothing,
                 "of a classification with one class per sample")
              .at_least(0)
              .at_most(0.99),
          may_change(key<L>("tile", &L::tile, "keys per tile of logits: memory and speed only")
                         .at_least(1)),
      });
}

Section parity_section() {
  using P = ParityConfig;
  return section({"parity"}, [](Config& c) -> P& { return c.model.parity; },
                 "Switches that reproduce the official code where the default differs on purpose.",
                 {
                     key<P>("decoder_key_mask", &P::decoder_key_mask,
                            "false: padding takes part in the decoder's attention"),
                     key<P>("audio_pad_zero", &P::audio_pad_zero,
                            "false: positional convolutions see padded frames"),
                     choice<P, bool P::*, bool>(
                         "adam_epsilon", &P::adam_epsilon_corrected,
                         {{"corrected", true}, {"uncorrected", false}},
                         "whether epsilon stands beside the bias-corrected square root"),
                 });
}

Section train_section() {
  using T = TrainConfig;
  return section(
      {"train"}, &Config::train, "The run.",
      {
          may_change(key<T>("stage", &T::stage,
                            "shipped list of modalities and objectives, used when the file has no "
                            "[[objective]]; 0: none")
                         .at_least(0)
                         .at_most(2)),
          may_change(key<T>("steps", &T::steps,
                            "optimizer steps; exactly one of steps and epochs is given")
                         .a_count()),
          may_change(
              key<T>("epochs", &T::epochs,
                     "passes over the data as they are when the run begins; exactly one of steps "
                     "and epochs is given")
                  .a_count()),
          key<T>("global_batch", &T::global_batch, "samples per step over all ranks").at_least(0),
          may_change(
              key<T>("micro_batch", &T::micro_batch,
                     "samples a rank runs together: memory and speed only; 0: its whole share")
                  .at_least(0)),
          on_request(key<T>("seed", &T::seed, "key of every random draw")),
          may_change(choice<T, DType T::*, DType>("dtype", &T::dtype,
                                                  {{"float64", DType::float64},
                                                   {"float32", DType::float32},
                                                   {"bfloat16", DType::bfloat16}},
                                                  "type of weights and activations")),
          may_change(choice<T, InitMode T::*, InitMode>(
              "init", &T::init,
              {{"official", InitMode::official},
               {"fan_in", InitMode::fan_in},
               {"dense", InitMode::dense}},
              "initial weights: published, scaled by width (small models), or all random (tests)")),
          may_change(
              key<T>("init_from", &T::init_from, "checkpoint to take weights from; empty: none")),
          choice<T, ContrastGradient T::*, ContrastGradient>(
              "contrast_gradient", &T::contrast_gradient,
              {{"exact", ContrastGradient::exact}, {"anchor", ContrastGradient::anchor}},
              "exact gradient of the contrast, or the official one without that of the candidates"),
          may_change(choice<T, Recompute T::*, Recompute>(
              "recompute", &T::recompute,
              {{"none", Recompute::none},
               {"selective", Recompute::selective},
               {"layer", Recompute::layer}},
              "activations computed again in the backward pass")),
          may_change(
              key<T>("stop_after_step", &T::stop_after_step,
                     "stop there with a checkpoint and exit 75, the schedule unchanged; 0: never")
                  .a_count()),
          may_change(key<T>("stop_before_seconds", &T::stop_before_seconds,
                            "stop with a checkpoint before this much time has passed; 0: no limit")
                         .at_least(0)),
          may_change(key<T>("validate_every_steps", &T::validate_every_steps,
                            "steps between two measurements on data.validation; 0: only at the end")
                         .a_count()),
          may_change(choice<T, NonFinite T::*, NonFinite>(
              "nonfinite", &T::nonfinite,
              {{"stop", NonFinite::stop}, {"skip", NonFinite::skip}, {"rewind", NonFinite::rewind}},
              "after a gradient that is not finite: end the run, leave that step out, or go back "
              "to "
              "the last checkpoint and past the batches since")),
          may_change(key<T>("nonfinite_limit", &T::nonfinite_limit,
                            "steps left out in a row, or returns of one start, after which the run "
                            "ends all the same")
                         .at_least(1)),
          key<Config>(
              "frozen", [](Config& c) -> std::vector<std::string>& { return c.model.frozen; },
              "prefixes of the names of parameters that do not train; * stands for one part "
              "between dots"),
      });
}

Section optimizer_section() {
  using O = OptimizerConfig;
  return section(
      {"optimizer"}, &Config::optimizer, "AdamW with decoupled weight decay.",
      {
          key<O>("beta1", &O::beta1, "decay of the first moment").at_least(0).at_most(0.999999),
          key<O>("beta2", &O::beta2, "decay of the second moment").at_least(0).at_most(0.999999),
          key<O>("epsilon", &O::epsilon, "added to the root of the second moment").above(0),
          key<O>("weight_decay", &O::weight_decay, "times the learning rate").at_least(0),
          key<Config>(
              "no_decay", [](Config& c) -> std::vector<std::string>& { return c.model.no_decay; },
              "names not decayed beside biases and parameters of one dimension"),
          on_request(key<O>("clip_norm", &O::clip_norm,
                            "largest norm of the whole gradient; 0: no clipping")
                         .at_least(0)),
          key<O>("layer_decay", &O::layer_decay,
                 "the learning rate of each layer is this times that of the next; 1: all alike")
              .above(0)
              .at_most(1),
      });
}

Section schedule_section() {
  using S = ScheduleConfig;
  return section(
      {"schedule"}, &Config::schedule, "Learning rate: linear warm-up, then half a cosine.",
      {
          on_request(
              key<S>("learning_rate", &S::learning_rate, "at the end of the warm-up").above(0)),
          on_request(
              key<S>("min_learning_rate", &S::min_learning_rate, "at the first and the last step")
                  .at_least(0)),
          on_request(key<S>("warmup_steps", &S::warmup_steps, "0: none").a_count()),
      });
}

Section parallel_section() {
  using P = ParallelConfig;
  return section(
      {"parallel"}, &Config::parallel,
      "How ranks share the work. Data parallel is what is left of the ranks.",
      {
          key<P>("tensor", &P::tensor, "ranks that share each layer").at_least(1),
          key<P>("pipeline", &P::pipeline, "ranks that share the stack of layers").at_least(1),
          key<P>("sequence", &P::sequence,
                 "split rows over the tensor-parallel ranks between their regions"),
          key<P>("zero", &P::zero, "1: optimizer state and update shared over data-parallel ranks")
              .at_least(0)
              .at_most(1),
          choice<P, parallel::ScheduleKind P::*, parallel::ScheduleKind>(
              "schedule", &P::schedule,
              {{"gpipe", parallel::ScheduleKind::gpipe},
               {"1f1b", parallel::ScheduleKind::one_forward_one_backward},
               {"interleaved", parallel::ScheduleKind::interleaved}},
              "order of the micro-batches in the pipeline"),
          key<P>("virtual_stages", &P::virtual_stages,
                 "stages per rank of the interleaved schedule")
              .at_least(1),
          key<P>("stage_layers", &P::stage_layers,
                 "encoder layers of each stage; empty: as even as possible")
              .at_least(0),
          key<P>("check_collectives", &P::check_collectives,
                 "for debugging: ranks compare each call that involves others before they make it"),
      });
}

Section checkpoint_section() {
  using C = CheckpointConfig;
  return section(
      {"checkpoint"}, &Config::checkpoint, "Saving and resuming.",
      {
          key<C>("directory", &C::directory,
                 "where checkpoints lie; a run resumes from the newest valid one"),
          key<C>("every_steps", &C::every_steps, "0: only at the end and on a stop").a_count(),
          key<C>("every_minutes", &C::every_minutes, "0: not by time").at_least(0),
          key<C>("keep", &C::keep, "newest good checkpoints kept; 0: all").at_least(0),
          key<C>("keep_every", &C::keep_every,
                 "checkpoints of steps that are multiples of it stay, too; 0: none")
              .a_count(),
          key<C>("keep_best", &C::keep_best,
                 "field of validation.jsonl or metrics.jsonl whose best checkpoint stays, too: the "
                 "lowest of a loss, the highest of others; empty: none"),
          key<C>("files", &C::files, "data files per checkpoint").at_least(1).at_most(10000),
          key<C>("asynchronous", &C::asynchronous, "write while training goes on"),
      });
}

Section log_section() {
  using L = LogConfig;
  return section(
      {"log"}, &Config::log, "What a run writes down.",
      {
          key<L>("directory", &L::directory, "folder of metrics.jsonl, config.toml and run.json"),
          key<L>("every_steps", &L::every_steps, "steps between two lines of metrics")
              .a_count()
              .at_least(1),
          key<L>("trace", &L::trace,
                 "write timelines of some steps: trace/rank-NNNN.json and trace/summary.json"),
          key<L>("trace_skip", &L::trace_skip, "steps that a run makes before its trace begins")
              .a_count(),
          key<L>("trace_steps", &L::trace_steps, "steps in the trace").a_count().at_least(1),
      });
}

Section watchdog_section() {
  using W = WatchdogConfig;
  return section(
      {"watchdog"}, &Config::watchdog, "What ends a job that would hang for ever.",
      {
          key<W>("seconds", &W::seconds,
                 "a rank that gets nothing done for so long says what it was about and ends the "
                 "job (ten times as long in the first step and in a checkpoint); 0: never")
              .at_least(0),
      });
}

Section bench_section() {
  return section(
      {"bench"}, &Config::bench, "The samples that `accord bench step` makes up.",
      {
          key<BenchConfig>("samples", &BenchConfig::samples,
                           "of one step on one rank; 0: train.global_batch")
              .at_least(0),
          key<Config>(
              "shortest_caption", [](Config& c) -> Index& { return c.bench.captions.shortest; },
              "captions have from so many tokens to data.max_tokens; 0: all the longest")
              .at_least(0),
          key<Config>(
              "mean_caption", [](Config& c) -> double& { return c.bench.captions.mean; },
              "mean length, few long ones; 0: all lengths alike")
              .at_least(0),
      });
}

}  // namespace

bool Key::belongs_to(std::string const& adapter) const {
  return std::find(adapters.begin(), adapters.end(), adapter) != adapters.end();
}

std::string Key::expectation() const {
  std::string kind;
  switch (type) {
    case Type::boolean:
      return "true or false";
    case Type::text:
      return "a text";
    case Type::texts:
      return "a list of texts";
    case Type::choice: {
      std::vector<std::string> quoted;
      for (std::string const& choice : choices)
        if (!choice.empty()) quoted.push_back(to_toml(Value(choice)));
      return joined(quoted);
    }
    case Type::integer:
      kind = "an integer";
      break;
    case Type::number:
      kind = "a number";
      break;
    case Type::integers:
      kind = "a list of integers";
      break;
    case Type::numbers:
      kind = "a list of numbers";
      break;
  }
  bool const low = minimum > -1e300, high = maximum < 1e300;
  if ((type == Type::integers || type == Type::numbers) && (low || high)) kind += ", each";
  if (low) kind += fmt::format(" {} {}", above_minimum ? ">" : ">=", minimum);
  if (high) kind += fmt::format("{} <= {}", low ? " and" : "", maximum);
  return kind;
}

Key const* Section::find(std::string const& key) const {
  auto const it =
      std::find_if(keys.begin(), keys.end(), [&](Key const& k) { return k.name == key; });
  return it == keys.end() ? nullptr : &*it;
}

std::vector<Section> const& schema() {
  static std::vector<Section> const sections = {
      model_section(),
      section({"model", "decoder"}, decoder_of,
              "The small decoder of the denoising terms; layers = 0: none.",
              stack_keys(decoder_of)),
      modality_section(),
      train_section(),
      objective_section(),
      loss_section(),
      parity_section(),
      data_section(),
      source_section(),
      optimizer_section(),
      schedule_section(),
      may_change(parallel_section()),
      may_change(checkpoint_section()),
      may_change(log_section()),
      may_change(watchdog_section()),
      may_change(bench_section()),
  };
  return sections;
}

}  // namespace accord::app
