// `accord bench step`: the rate of training steps beside that of their own matrix products.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/bench_commands.hpp"
#include "app/bench_timing.hpp"
#include "app/build_info.hpp"
#include "app/config.hpp"
#include "app/options.hpp"
#include "app/synthetic_batch.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/flops.hpp"
#include "parallel/pipeline/train_step.hpp"

namespace accord::app {
namespace {

struct Measured {
  double seconds = 0, executed = 0, model = 0, product_flops = 0, product_seconds = 0;
  std::size_t peak_bytes = 0;
};

Measured measure(Queue& queue, Config const& config, bool dense, int steps,
                 CaptionLengths const& captions) {
  SelfCommunicator self;
  Model model(queue, config.model, config.train.dtype, self, Model::whole(config.model));
  model.initialise(queue, config.train.init, config.train.seed);
  parallel::MeshGroups groups;
  parallel::TrainStep step(queue, model, groups,
                           {.global_batch = config.train.global_batch,
                            .seed = config.train.seed,
                            .recompute = config.train.recompute,
                            .skip_branches = !dense,
                            .pad = dense,
                            .contrast_gradient = config.train.contrast_gradient});
  Index const micro = resolved_micro_batch(config, 1);
  std::vector<double> times;
  Measured result;
  std::vector<ProductShape> products;
  for (int i = 0; i <= steps; ++i) {  // the first one warms up
    std::vector<MicroBatch> batches;
    for (Index at = 0; at < config.train.global_batch; at += micro)
      batches.push_back(synthetic_batch(
          config.model, config.train.seed,
          static_cast<std::uint64_t>(i * config.train.global_batch + at), micro, captions));
    model.parameters().zero_gradients(queue);
    double const before = queue.flops();
    queue.record_products(i == steps ? &products : nullptr);
    double const time = seconds_of([&] { step.run(batches); });
    queue.record_products(nullptr);
    if (i == 0) continue;
    times.push_back(time);
    result.executed += (queue.flops() - before) / steps;
    for (MicroBatch const& batch : batches)
      result.model +=
          model_flops(config.model, model.passes(), batch, config.train.global_batch) / steps;
  }
  result.seconds = median(times);
  result.peak_bytes = queue.memory().high_water();
  result.product_flops = flops_of(products);
  result.product_seconds = product_seconds(queue, config.train.dtype, products, 3);
  return result;
}

int bench_step(Config const& config, int steps, CaptionLengths const& captions) {
  fmt::print(
      "{}\n{}\nforward and backward of {} samples, width {}, {} layers, {}; median of {} steps "
      "after "
      "one, no optimizer\n\n",
      build_description(), device_line(selected_backend()), config.train.global_batch,
      config.model.encoder.embed_dim, config.model.encoder.layers, name_of(config.train.dtype),
      steps);
  fmt::print("{:<9} {:>9} {:>10} {:>17} {:>14} {:>17} {:>9} {:>8}\n", "", "ms/step", "samples/s",
             "executed GFLOP/s", "model GFLOP/s", "products GFLOP/s", "fraction", "peak GB");
  for (bool dense : {true, false}) {
    Queue queue(selected_backend());
    Measured const m = measure(queue, config, dense, steps, captions);
    double const rate = m.product_flops / m.product_seconds * 1e-9,
                 executed = m.executed / m.seconds * 1e-9;
    fmt::print("{:<9} {:>9.1f} {:>10.1f} {:>17.1f} {:>14.1f} {:>17.1f} {:>9.2f} {:>8.2f}\n",
               dense ? "dense" : "packed", m.seconds * 1e3,
               static_cast<double>(config.train.global_batch) / m.seconds, executed,
               m.model / m.seconds * 1e-9, rate, executed / rate,
               static_cast<double>(m.peak_bytes) * 1e-9);
  }
  fmt::print(
      "\ndense: every pool padded to its longest caption, dropped branches computed. packed: as in "
      "training.\n"
      "executed: what ran; model: real tokens, every branch once. products: the step's own matrix "
      "products\n"
      "alone, each shape at its best of three, measured in this run; fraction: executed / "
      "products.\n");
  return 0;
}

}  // namespace

void add_bench_step(CLI::App& bench, Run& run) {
  struct Options {
    std::string config;
    std::vector<std::string> overrides;
    int steps = 5;
    CaptionLengths captions;
    bool synthetic = true;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = bench.add_subcommand("step",
                                           "Training steps on synthetic samples: time, FLOP "
                                           "rates, and the rate of their own matrix products");
  command->add_option("--config", options->config, "Configuration file (TOML)")->required();
  add_override_option(*command, options->overrides);
  command->add_option("--steps", options->steps, "Steps to take the median of")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--shortest-caption", options->captions.shortest,
                   "Captions have from so many tokens to max_tokens; 0: all the longest")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--mean-caption", options->captions.mean,
                   "Mean length, few long ones; 0: all lengths alike")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--synthetic", options->synthetic,
                    "Samples made on the spot, the same in every run: the only kind there is");
  command->callback([options, &run] {
    run = [options] {
      Config config = load_config(options->config, options->overrides);
      for (ModalityConfig& modality : config.model.modalities)  // there is no tokenizer to ask
        if (modality.adapter == "token" && modality.vocabulary == 0)
          modality.vocabulary = ModalityConfig{}.vocabulary;
      return bench_step(config, options->steps, options->captions);
    };
  });
}

}  // namespace accord::app
