#include "app/config/schema.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/cli/text.hpp"
#include "app/config/binding.hpp"
#include "app/config/model_sections.hpp"

namespace accord::app {
namespace {

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
          key<W>(
              "seconds", &W::seconds,
              "a rank that gets nothing done for so long says what it was about and ends the "
              "job (ten times as long in the first step, a validation and a checkpoint); 0: never")
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
      decoder_section(),
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
