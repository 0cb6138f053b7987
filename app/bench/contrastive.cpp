// `accord bench contrastive`: what the contrast over the global batch costs in time and memory, as
// a ring and by all-gather.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/bench/commands.hpp"
#include "app/bench/timing.hpp"
#include "app/cli/build_info.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "core/base/rng.hpp"
#include "core/loss/contrastive.hpp"
#include "io/file/file.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {
namespace {

struct ContrastiveOptions {
  std::vector<Index> batches = {512, 1024};
  Index dim = 512;
  Index repeats = 5;
  std::string gradient = "exact", out;
  ContrastOptions contrast = {};
};

/// One call of one form; the slowest and the fullest rank.
struct ContrastMeasured {
  double seconds = 0;
  double gflops = 0;            ///< a second, of one rank
  double product_gflops = 0;    ///< the same products by themselves
  std::int64_t bytes_held = 0;  ///< most at once, between entry and exit
};

using Form = decltype(&contrast_ring);

/// Rows of unit length, float32.
Tensor features(Queue& queue, Index rows, Index dim, std::uint32_t seed) {
  Draws const draws(seed, Purpose::synth);
  std::vector<float> values(static_cast<std::size_t>(rows * dim));
  for (Index row = 0; row < rows; ++row) {
    float* const x = values.data() + row * dim;
    double squares = 0;
    for (Index c = 0; c < dim; ++c) {
      x[c] = static_cast<float>(
                 draws.word(static_cast<std::uint64_t>(row), 0, static_cast<std::uint32_t>(c))) *
                 0x1p-31f -
             1;
      squares += static_cast<double>(x[c]) * x[c];
    }
    for (Index c = 0; c < dim; ++c) x[c] /= static_cast<float>(std::sqrt(squares));
  }
  return Tensor::from_host(queue, std::span<float const>(values), Shape{rows, dim});
}

/// Collective.
ContrastMeasured measure(Queue& queue, Communicator& world, Form form, Index rows,
                         ContrastiveOptions const& options) {
  auto const seed = static_cast<std::uint32_t>(2 * world.rank());
  Tensor const a = features(queue, rows, options.dim, seed),
               b = features(queue, rows, options.dim, seed + 1);
  Tensor da(queue, DType::float32, a.shape()), db(queue, DType::float32, b.shape());
  std::vector<float> const initial{1 / 0.07f};
  Tensor const scale = Tensor::from_host(queue, initial);
  Tensor dscale = Tensor::zeros(queue, DType::float32, Shape{1});
  auto const call = [&] {
    form(queue, world, a, b, scale, options.contrast, da, db, dscale);
    queue.wait();
  };

  std::vector<ProductShape> products;
  std::size_t const before = queue.memory().bytes_in_use();
  queue.memory().reset_high_water();
  queue.record_products(&products);
  call();  // warms up
  queue.record_products(nullptr);
  double const held = static_cast<double>(queue.memory().high_water() - before);

  std::vector<double> times;
  for (Index i = 0; i < options.repeats; ++i) {
    world.barrier(queue);
    times.push_back(seconds_of(call));
  }
  world.barrier(queue);
  double worst[3] = {median(times), product_seconds(queue, DType::float32, products, 3), held};
  world.all_reduce(queue, View(worst, DType::float64, Shape{3}), Reduce::max);
  double const gflop = 1e-9 * flops_of(products);
  return {worst[0], gflop / worst[0], gflop / worst[1], static_cast<std::int64_t>(worst[2])};
}

int bench_contrastive(parallel::MpiEnvironment const& mpi, ContrastiveOptions const& options) {
  auto const world = parallel::MpiCommunicator::world();
  bool const first = mpi.rank() == 0;
  for (Index const batch : options.batches)
    if (batch % mpi.size() != 0)
      throw UsageError(fmt::format("--batch {} cannot be shared by {} ranks; use a multiple of {}",
                                   batch, mpi.size(), mpi.size()));
  if (first)
    std::cout << fmt::format(
        "{}\n{} rank{} with {} thread{} each, float32, features of {}, tiles of {} keys, {} "
        "gradient; median of {} calls\n\n{:<10} {:>12} {:>9} {:>9} {:>17} {:>9} {:>9}\n",
        build_description(), mpi.size(), mpi.size() == 1 ? "" : "s", threads_per_rank(),
        threads_per_rank() == 1 ? "" : "s", options.dim, options.contrast.tile, options.gradient,
        options.repeats, "form", "global batch", "ms/call", "GFLOP/s", "products GFLOP/s",
        "fraction", "MiB held");
  nlohmann::ordered_json cells = nlohmann::json::array();
  for (Index const batch : options.batches)
    for (auto const& [name, form] :
         {std::pair<char const*, Form>{"ring", contrast_ring}, {"gathered", contrast_gathered}}) {
      Queue queue(selected_backend());
      ContrastMeasured const m = measure(queue, *world, form, batch / mpi.size(), options);
      if (!first) continue;
      std::cout << fmt::format("{:<10} {:>12} {:>9.2f} {:>9.1f} {:>17.1f} {:>9.2f} {:>9.2f}\n",
                               name, batch, 1e3 * m.seconds, m.gflops, m.product_gflops,
                               m.gflops / m.product_gflops,
                               static_cast<double>(m.bytes_held) / (1 << 20));
      std::cout << std::flush;
      cells.push_back({{"form", name},
                       {"global_batch", batch},
                       {"seconds", m.seconds},
                       {"gflops_per_rank", m.gflops},
                       {"product_gflops_per_rank", m.product_gflops},
                       {"bytes_held", m.bytes_held}});
    }
  if (!first) return 0;
  std::cout << fmt::format(
      "\nLoss and gradients of both sides. GFLOP/s: of one rank, the slowest. products: its matrix "
      "products alone,\neach shape at its best of three, all ranks at once. held: most memory at "
      "once between entry and exit.\n");
  if (options.out.empty()) return 0;
  nlohmann::ordered_json const json = {{"build", build_description()},
                                       {"ranks", mpi.size()},
                                       {"threads_per_rank", threads_per_rank()},
                                       {"dim", options.dim},
                                       {"tile", options.contrast.tile},
                                       {"gradient", options.gradient},
                                       {"repeats", options.repeats},
                                       {"calls", std::move(cells)}};
  io::write_file_atomically(options.out, json.dump(1) + "\n");
  return 0;
}

}  // namespace

void add_bench_contrastive(CLI::App& bench, Run& run) {
  auto options = std::make_shared<ContrastiveOptions>();
  CLI::App* command = bench.add_subcommand(
      "contrastive",
      "The contrast over the global batch, as a ring and by all-gather: time, FLOP rates beside "
      "those of its matrix products, memory; on the ranks of mpirun or srun");
  command->add_option("--batch", options->batches, "Global batches, shared by the ranks")
      ->delimiter(',')
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--dim", options->dim, "Width of the features")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--tile", options->contrast.tile, "Keys whose logits are held at once")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command
      ->add_option("--gradient", options->gradient,
                   "exact, or anchor: as published, the other side's features being constants")
      ->check(CLI::IsMember({"exact", "anchor"}))
      ->capture_default_str();
  command->add_option("--repeats", options->repeats, "Calls to take the median of, after one")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--out", options->out, "Write the figures as JSON")->type_name("FILE");
  command->callback([options, &run] {
    run = [options] {
      options->contrast.gradient =
          options->gradient == "exact" ? ContrastGradient::exact : ContrastGradient::anchor;
      return launch(
          [&](parallel::MpiEnvironment const& mpi) { return bench_contrastive(mpi, *options); });
    };
  });
}

}  // namespace accord::app
