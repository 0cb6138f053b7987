// `accord bench step`: whole training steps on made-up samples, beside the rate of a large matrix
// product and that of their own, with the time of their parts.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>
#include <string_view>

#include "app/bench/commands.hpp"
#include "app/bench/synthetic_batch.hpp"
#include "app/bench/timing.hpp"
#include "app/cli/build_info.hpp"
#include "app/cli/options.hpp"
#include "app/config/config.hpp"
#include "app/train/training.hpp"
#include "core/base/trace.hpp"
#include "core/model/flops.hpp"
#include "core/model/modality/adapter.hpp"

namespace accord::app {
namespace {

struct Measured {
  double seconds = 0;                  ///< of a step, the median
  double executed = 0, model = 0;      ///< floating-point operations of a step, the mean
  std::vector<ProductShape> products;  ///< of one step
  double product_seconds = 0;          ///< that they take by themselves
  double peak_bytes = 0;
  std::string memory;  ///< who held it
  TraceSummary parts;  ///< of a step whose ops are waited for
};

/// What a span's own time counts as. Whatever the optimizer does is its own.
char const* part_of(std::vector<Trace::Span> const& spans, Trace::Span const& span) {
  for (std::int64_t at = span.parent; at >= 0; at = spans[static_cast<std::size_t>(at)].parent)
    if (spans[static_cast<std::size_t>(at)].name == std::string_view("optimizer"))
      return "optimizer";
  if (span.activity != Activity::op) return "host, between ops";
  std::string_view const name = span.name;
  auto const is_one_of = [&](std::initializer_list<std::string_view> beginnings) {
    return std::any_of(beginnings.begin(), beginnings.end(),
                       [&](std::string_view beginning) { return name.starts_with(beginning); });
  };
  if (is_one_of({"gemm"})) return "matrix products";
  if (is_one_of({"attention"})) return "attention";
  if (is_one_of({"grouped_convolution"})) return "convolutions";
  if (is_one_of({"contrast", "sigmoid_contrast", "cross_entropy", "binary_cross_entropy",
                 "normalize", "logit_scale"}))
    return "losses";
  if (is_one_of({"upload", "to_host"})) return "transfers";
  return "norms and elementwise";
}

TraceSummary parts_of(Trace const& trace) {
  std::vector<Trace::Span> spans = trace.spans();
  for (Trace::Span& span : spans) span.name = part_of(trace.spans(), span);
  return summarise(spans);
}

Measured measure(Queue& queue, Config const& config, bool dense, int steps) {
  queue.memory().set_advice(memory_advice);
  parallel::MeshGroups groups;
  std::unique_ptr<Model> model;
  {
    Memory::Owner const owner(queue.memory(), "weights and gradients");
    model = std::make_unique<Model>(queue, config.model, config.train.dtype, *groups.tensor,
                                    Model::whole(config.model));
  }
  model->initialise(queue, config.train.init, config.train.seed);
  parallel::TrainerOptions options = trainer_options(config, model->parameters());
  options.step.skip_branches = !dense;
  options.step.pad = dense;
  parallel::Trainer trainer(queue, *model, groups, std::move(options));
  Measured result;
  Index const micro = resolved_micro_batch(config, 1);
  int made = 0;
  auto const seconds_of_step = [&] {
    std::vector<MicroBatch> batches;
    for (Index at = 0; at < config.train.global_batch; at += micro)
      batches.push_back(
          synthetic_batch(config.model, config.train.seed,
                          static_cast<std::uint64_t>(made * config.train.global_batch + at), micro,
                          config.bench.captions));
    ++made;
    result.model = 0;
    for (MicroBatch const& batch : batches)
      result.model += model_flops(config.model, model->passes(), batch, config.train.global_batch);
    return seconds_of([&] {
      TraceSpan const span(queue, Activity::step, "step");
      trainer.step(batches, config.schedule.min_learning_rate);
      queue.wait();
    });
  };

  time_choices(queue, true);
  seconds_of_step();  // warms up
  time_choices(queue, false);
  std::vector<double> times;
  double const before = queue.flops();
  double model_flops = 0;
  for (int i = 0; i < steps; ++i) {
    times.push_back(seconds_of_step());
    model_flops += result.model;
  }
  result.seconds = median(times);
  result.executed = (queue.flops() - before) / steps;
  result.model = model_flops / steps;
  result.peak_bytes = static_cast<double>(queue.memory().high_water());
  result.memory = queue.memory().peak_by_owner();

  Trace trace(Trace::Detail::ops);
  queue.record_trace(&trace);
  queue.record_products(&result.products);
  seconds_of_step();
  queue.record_trace(nullptr);
  queue.record_products(nullptr);
  result.parts = parts_of(trace);
  time_choices(queue, true);
  result.product_seconds = product_seconds(queue, config.train.dtype, result.products, 3);
  return result;
}

Limits limits_of(DType dtype) {
  Queue queue(selected_backend());
  time_choices(queue, true);
  return measure_limits(queue, dtype, 5);
}

int bench_step(Config const& config, bool dense, int steps) {
  TrainConfig const& train = config.train;
  CaptionLengths const& captions = config.bench.captions;
  Backend const backend = selected_backend();
  std::cout << fmt::format(
      "{}\n{}\nsteps of {} samples, {} at a time: forward, backward and optimizer on one rank, "
      "{}\nwidth {}, {} layers, drop-path {}, captions of {}{}, {}\n\n",
      build_description(), device_line(backend), train.global_batch,
      resolved_micro_batch(config, 1), name_of(train.dtype), config.model.encoder.embed_dim,
      config.model.encoder.layers, config.model.encoder.drop_path,
      captions.shortest == 0 ? "the longest" : fmt::format("{} tokens and more", captions.shortest),
      captions.mean > 0 ? fmt::format(", {} in the mean", captions.mean) : "",
      dense ? "padded, no branch left out" : "packed");
  std::cout << std::flush;

  Limits const before = limits_of(train.dtype);
  Queue queue(backend);
  Measured const m = measure(queue, config, dense, steps);
  Limits const after = limits_of(train.dtype);

  double const unit = backend == Backend::cuda ? 1e-12 : 1e-9;
  std::string const rate = backend == Backend::cuda ? "TFLOP/s" : "GFLOP/s";
  double const limit = (before.flops + after.flops) / 2;
  double const executed = m.executed / m.seconds;
  double const own = flops_of(m.products) / m.product_seconds;
  auto const line = [](char const* what, double value, std::string const& of,
                       std::string const& remark = {}) {
    std::cout << fmt::format("{:<16} {:>10.1f} {:<10} {}\n", what, value, of, remark);
  };
  line("step", m.seconds * 1e3, "ms", fmt::format("median of {} after one", steps));
  line("", static_cast<double>(train.global_batch) / m.seconds, "samples/s");
  line("executed", executed * unit, rate,
       fmt::format("{:.2f} of the matmul rate, {:.2f} of the own products'", executed / limit,
                   executed / own));
  line("model", m.model / m.seconds * unit, rate, "real tokens, every branch once");
  line("own products", own * unit, rate, "those of the step alone, each shape at its best of 3");
  line(
      "matmul", before.flops * unit, rate,
      fmt::format("before, {:.1f} after: a square product of {}", after.flops * unit, before.side));
  line("copy", before.bytes * 1e-9, "GB/s",
       fmt::format("before, {:.1f} after: read and written", after.bytes * 1e-9));
  line("peak memory", m.peak_bytes * 1e-9, "GB", m.memory);

  std::vector<std::pair<std::string, TraceSummary::Part>> parts(m.parts.parts.begin(),
                                                                m.parts.parts.end());
  std::stable_sort(parts.begin(), parts.end(), [](auto const& a, auto const& b) {
    return a.second.seconds > b.second.seconds;
  });
  std::cout << fmt::format("\n{:<22} {:>10} {:>8} {:>8}\n", "part of one step", "ms", "share",
                           "ops");
  for (auto const& [name, part] : parts) {
    double const achieved = flops_of(m.products) / part.seconds;
    std::cout << fmt::format("{:<22} {:>10.2f} {:>6.1f} % {:>8} {}\n", name, part.seconds * 1e3,
                             100 * part.seconds / m.parts.seconds,
                             part.activity == Activity::op ? std::to_string(part.calls) : "",
                             name == "matrix products"
                                 ? fmt::format(" {:.1f} {}, {:.2f} of the matmul rate",
                                               achieved * unit, rate, achieved / limit)
                                 : "");
  }
  std::cout << fmt::format("{:<22} {:>10.2f} {:>6.1f} % {:>8}  with the host waiting for each op\n",
                           "all", m.parts.seconds * 1e3, 100.0, "");
  return 0;
}

}  // namespace

void add_bench_step(CLI::App& bench, Run& run) {
  struct Options {
    std::string config;
    std::vector<std::string> overrides;
    int steps = 5;
    bool dense = false, synthetic = true;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = bench.add_subcommand(
      "step",
      "Whole training steps of one rank: samples a second, FLOP rates beside that of a large "
      "product, memory, and the time of the parts. The samples are made up, as [bench] says");
  command->add_option("--config", options->config, "Configuration file (TOML)")->required();
  add_override_option(*command, options->overrides);
  command->add_option("--steps", options->steps, "Steps to take the median of")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_flag("--dense", options->dense,
                    "Pad every pool to its longest caption and compute dropped branches, for "
                    "comparison");
  command->add_flag("--synthetic", options->synthetic,
                    "Samples made on the spot, the same in every run: the only kind there is");
  command->callback([options, &run] {
    run = [options] {
      Config config = load_config(options->config, options->overrides);
      for (ModalityConfig& modality : config.model.modalities)  // there is no tokenizer to ask
        if (reads_text(modality) && modality.vocabulary == 0)
          modality.vocabulary = ModalityConfig{}.vocabulary;
      if (config.bench.samples > 0) {
        config.train.global_batch = config.bench.samples;
        if (config.train.micro_batch > config.bench.samples) config.train.micro_batch = 0;
        check(config);
      }
      check_layout(config, 1, selected_backend());
      return bench_step(config, options->dense, options->steps);
    };
  });
}

}  // namespace accord::app
