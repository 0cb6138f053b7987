#pragma once
// The configuration of a run: one TOML file plus `--set` overrides, read into plain data.
// `config_schema.hpp` lists every key once; parsing, printing and error messages follow from that
// list.

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "core/base/queue.hpp"
#include "core/loss/contrastive.hpp"
#include "core/model/config.hpp"
#include "core/nn/recompute.hpp"
#include "core/optim/adamw.hpp"
#include "core/tensor/initial_values.hpp"
#include "io/loader/sample_loader.hpp"
#include "io/media/crop.hpp"
#include "parallel/pipeline/schedule.hpp"

namespace accord::app {

/// One [[data.source]] of a mixture.
struct DataSource {
  std::string name;
  std::string path;   ///< folder of shards with its index.json
  double weight = 1;  ///< share of the samples, relative to the other sources
};

struct DataConfig {
  std::string train;       ///< short form of a single source
  std::string validation;  ///< folder of shards; empty: none
  std::vector<DataSource> sources;
  std::string tokenizer = "bytes";  ///< or a folder with vocabulary files
  Index max_tokens =
      0;  ///< tokens per caption before the end mark; set on loading (bytes: 200, else 70)
  io::Refresh refresh = io::Refresh::epoch;
  io::CropSpec::Kind crop = io::CropSpec::Kind::random_resized;
  double crop_area = 0.9;  ///< least part of the picture a random crop keeps
  Index shift = 0;         ///< most pixels by which the resized picture is moved, each way
  io::Alpha alpha = io::Alpha::drop;                      ///< what shows through transparent pixels
  io::Orientation orientation = io::Orientation::stored;  ///< as stored, or upright by EXIF
  Index skip_steps = 0;  ///< batches of the order that the run has passed over
  Index threads = 0;  ///< decoding threads of a rank that reads; 0: the rank's share of the cores
};

/// What follows a gradient, weight or moment that is not finite.
enum class NonFinite : std::uint8_t { stop, skip, rewind };

struct TrainConfig {
  int stage = 1;
  Index steps = 0;   ///< 0: not given
  Index epochs = 0;  ///< 0: not given
  Index global_batch = 0;
  Index micro_batch = 0;  ///< 0: the whole share of a rank
  std::uint32_t seed = 3407;
  DType dtype = DType::float32;
  InitMode init = InitMode::official;
  std::string init_from;  ///< checkpoint folder to take weights from; empty: none
  ContrastGradient contrast_gradient = ContrastGradient::exact;
  Recompute recompute = Recompute::none;
  Index stop_after_step = 0;       ///< 0: never
  double stop_before_seconds = 0;  ///< 0: no limit
  Index validate_every_steps = 0;  ///< 0: only at the end
  NonFinite nonfinite = NonFinite::stop;
  Index nonfinite_limit =
      10;  ///< skipped steps in a row, or rewinds, before a run stops all the same
};

struct OptimizerConfig {
  double beta1 = AdamwOptions().beta1, beta2 = AdamwOptions().beta2;
  double epsilon = AdamwOptions().epsilon, weight_decay = AdamwOptions().weight_decay;
  double clip_norm = AdamwOptions().clip_norm;  ///< 0: no clipping
  double layer_decay = 1;  ///< of the learning rate, per layer towards the input; 1: none
};

struct ScheduleConfig {
  double learning_rate = 5e-4, min_learning_rate = 1e-6;
  Index warmup_steps = 0;
};

struct ParallelConfig {
  int tensor = 1, pipeline = 1;
  bool sequence = false;
  int zero = 0;
  parallel::ScheduleKind schedule = parallel::ScheduleKind::one_forward_one_backward;
  int virtual_stages = 1;
  std::vector<Index>
      stage_layers;  ///< encoder layers of each (virtual) stage; empty: as even as possible
  bool check_collectives = false;
};

struct CheckpointConfig {
  std::string directory = "run/checkpoints";
  Index every_steps = 1000;  ///< 0: only at the end and on a stop
  double every_minutes = 0;  ///< 0: not by time
  Index keep = 3;            ///< 0: all
  Index keep_every = 0;      ///< steps; 0: none
  std::string keep_best;     ///< name of a metric; empty: none
  Index files = 1;
  bool asynchronous = false;
};

struct LogConfig {
  std::string directory = "run";
  Index every_steps = 1;
  bool trace = false;
  Index trace_skip = 1, trace_steps = 8;
};

/// What ends a job that would hang (parallel/comm/watchdog.hpp).
struct WatchdogConfig {
  double seconds = 600;  ///< without any progress of a rank; 0: never
};

/// How long made-up captions are, in rows: from `shortest` to max_tokens; with a mean, few are much
/// longer (exponential beyond the shortest, the longest cut off), without, all lengths are alike.
struct CaptionLengths {
  Index shortest = 5;  ///< 0: all max_tokens
  double mean = 0;     ///< 0: all lengths alike
};

/// What `accord bench step` makes up, there being no data.
struct BenchConfig {
  Index samples = 0;  ///< of one step; 0: train.global_batch
  CaptionLengths captions;
};

struct Config {
  Config();

  std::string preset;  ///< [model] preset, for the record: its values are already in `model`
  ModelConfig model;   ///< [model], [[modality]], [[objective]], [loss], [parity], train.frozen,
                       ///< optimizer.no_decay
  DataConfig data;
  TrainConfig train;
  OptimizerConfig optimizer;
  ScheduleConfig schedule;
  ParallelConfig parallel;
  CheckpointConfig checkpoint;
  LogConfig log;
  WatchdogConfig watchdog;
  BenchConfig bench;
};

/// Reads a configuration file and applies overrides `section.key=value` in order (the last one
/// wins; the right side is a TOML value, or a bare string if it is not one; entries of arrays of
/// tables are addressed by name: "modality.image.size=128"). Layers, later ones winning: the
/// preset, the shipped list of the stage (only when the file has no [[objective]]), the file, the
/// overrides. The result is checked: see check(). \throws UsageError naming file, line and key.
Config load_config(std::filesystem::path const& file,
                   std::vector<std::string> const& overrides = {});
/// The same from text; `name` stands for the file in messages.
Config parse_config(std::string const& toml, std::string const& name,
                    std::vector<std::string> const& overrides = {});

/// The resolved configuration as TOML that parse_config() reads back to the same Config: every key,
/// defaults included.
std::string to_toml(Config const& config);

/// Everything that can be judged without knowing how many ranks there are. \throws UsageError.
void check(Config const& config);
/// Whether this many ranks can run it on this backend. \throws UsageError that lists the legal
/// choices.
void check_layout(Config const& config, int world_size, Backend backend);

/// Sources to train on: [[data.source]], or the one of data.train. \throws UsageError when there is
/// none.
std::vector<DataSource> training_sources(DataConfig const& data);
/// Samples that one rank runs together. \pre check_layout() passed for these ranks.
Index resolved_micro_batch(Config const& config, int data_parallel);
/// Sets the rows of every token table to the tokenizer's. \throws UsageError when the configuration
/// demands others.
void use_vocabulary(Config& config, Index rows);

/// The configuration reference: every section and key with type, default and range, as Markdown.
std::string configuration_reference();

}  // namespace accord::app
