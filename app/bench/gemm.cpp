// `accord bench gemm`: the matrix products of one layer, beside a large square one.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/bench/commands.hpp"
#include "app/bench/timing.hpp"
#include "app/cli/build_info.hpp"
#include "app/cli/options.hpp"
#include "core/ops/gemm.hpp"

namespace accord::app {
namespace {

struct GemmOptions {
  Index rows = 4096, width = 1536, ffn = 6144;
  std::string dtype = "float32";
  int repeats = 5;
};

/// y = x W^T and its two backward products, for one linear map; also with a bias and its gradient.
struct Map {
  char const* name;
  Index in, out;
};

int bench_gemm(GemmOptions const& options) {
  Queue queue(selected_backend());
  time_choices(queue, true);
  DType const dtype = bench_dtype(options.dtype, queue.backend());
  Limits const limits = measure_limits(queue, dtype, options.repeats);
  std::cout << fmt::format(
      "{}\n{}\n{}, {} rows; median of {} calls; a large square product runs at {:.1f} GFLOP/s\n\n"
      "{:<10} {:<9} {:>7} {:>7} {:>7} {:>9} {:>10} {:>9}\n",
      build_description(), device_line(queue.backend()), name_of(dtype), options.rows,
      options.repeats, limits.flops * 1e-9, "map", "product", "m", "n", "k", "ms", "GFLOP/s",
      "fraction");
  Index const d = options.width, f = options.ffn, rows = options.rows;
  for (Map const map :
       {Map{"q, k, v", d, 3 * d}, Map{"out", d, d}, Map{"wi", d, 2 * f}, Map{"wo", f, d}}) {
    Tensor const x = random_operand(queue, dtype, {rows, map.in}, 1);
    Tensor const w = random_operand(queue, dtype, {map.out, map.in}, 2);
    Tensor const dy = random_operand(queue, dtype, {rows, map.out}, 3);
    Tensor y(queue, dtype, {rows, map.out}), dx(queue, dtype, {rows, map.in});
    Tensor dw = Tensor::zeros(queue, accumulator_of(dtype), {map.out, map.in});
    Tensor const bias = random_operand(queue, dtype, {map.out}, 4);
    Tensor db = Tensor::zeros(queue, accumulator_of(dtype), {map.out});
    auto const print = [&](char const* product, ProductShape const& s, auto&& call) {
      double const seconds = seconds_of_call(queue, options.repeats, call);
      double const rate = flops_of({s}) / seconds;
      std::cout << fmt::format("{:<10} {:<9} {:>7} {:>7} {:>7} {:>9.3f} {:>10.1f} {:>9.2f}\n",
                               map.name, product, s.m, s.n, s.k, seconds * 1e3, rate * 1e-9,
                               rate / limits.flops);
    };
    print("y", {rows, map.out, map.in},
          [&] { gemm(queue, Transpose::no, x, Transpose::yes, w, y); });
    print("y + b", {rows, map.out, map.in},
          [&] { gemm(queue, Transpose::no, x, Transpose::yes, w, y, 0, 1, {.bias = bias}); });
    print("dx", {rows, map.in, map.out},
          [&] { gemm(queue, Transpose::no, dy, Transpose::no, w, dx); });
    print("dw +=", {map.out, map.in, rows},
          [&] { gemm(queue, Transpose::yes, dy, Transpose::no, x, dw, 1); });
    print("dw, db +=", {map.out, map.in, rows}, [&] {
      gemm(queue, Transpose::yes, dy, Transpose::no, x, dw, 1, 1, {.column_sums = db});
    });
  }
  return 0;
}

}  // namespace

void add_bench_gemm(CLI::App& bench, Run& run) {
  auto options = std::make_shared<GemmOptions>();
  CLI::App* command = bench.add_subcommand(
      "gemm", "The matrix products of one layer: rates beside that of a large square product");
  command->add_option("--rows", options->rows, "Tokens")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--width", options->width, "model.embed_dim")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--ffn", options->ffn, "model.ffn_dim")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_timing_options(*command, options->dtype, options->repeats);
  command->callback([options, &run] { run = [options] { return bench_gemm(*options); }; });
}

}  // namespace accord::app
