// `accord bench layernorm`: kernels that memory limits, beside a copy.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/bench/commands.hpp"
#include "app/bench/timing.hpp"
#include "app/cli/build_info.hpp"
#include "app/cli/options.hpp"
#include "core/ops/activation.hpp"
#include "core/ops/geglu_norm.hpp"
#include "core/ops/layer_norm.hpp"
#include "core/ops/residual.hpp"
#include "core/ops/residual_norm.hpp"

namespace accord::app {
namespace {

struct LayerNormOptions {
  Index rows = 4096, width = 1536, ffn = 6144;
  std::string dtype = "float32";
  int repeats = 5;
};

int bench_layernorm(LayerNormOptions const& options) {
  Queue queue(selected_backend());
  time_choices(queue, true);
  DType const dtype = bench_dtype(options.dtype, queue.backend());
  DType const sums = accumulator_of(dtype);
  Limits const limits = measure_limits(queue, dtype, options.repeats);
  std::cout << fmt::format(
      "{}\n{}\n{}, {} rows; median of {} calls; a copy reads and writes {:.1f} GB/s\n\n"
      "{:<22} {:>7} {:>9} {:>9} {:>9}\n",
      build_description(), device_line(queue.backend()), name_of(dtype), options.rows,
      options.repeats, limits.bytes * 1e-9, "op", "width", "ms", "GB/s", "fraction");
  // `matrices`: how often [rows, width] elements are read or written.
  auto const print = [&](char const* op, Index width, int matrices, auto&& call) {
    double const seconds = seconds_of_call(queue, options.repeats, call);
    double const bytes =
        static_cast<double>(matrices * options.rows * width) * static_cast<double>(size_of(dtype));
    std::cout << fmt::format("{:<22} {:>7} {:>9.3f} {:>9.1f} {:>9.2f}\n", op, width, seconds * 1e3,
                             bytes / seconds * 1e-9, bytes / seconds / limits.bytes);
  };
  for (Index const width : {options.width, options.ffn}) {
    Shape const shape{options.rows, width};
    Tensor const x = random_operand(queue, dtype, shape, 1);
    Tensor const dy = random_operand(queue, dtype, shape, 2);
    Tensor const weight = random_operand(queue, dtype, {width}, 3);
    Tensor const bias = random_operand(queue, dtype, {width}, 4);
    Tensor y(queue, dtype, shape), dx(queue, dtype, shape);
    Tensor mean(queue, sums, {options.rows}), rstd(queue, sums, {options.rows});
    Tensor dweight = Tensor::zeros(queue, sums, {width}),
           dbias = Tensor::zeros(queue, sums, {width});
    print("layer_norm forward", width, 2,
          [&] { layer_norm_forward(queue, x, {}, weight, bias, y, mean, rstd); });
    print("layer_norm backward", width, 3, [&] {
      layer_norm_backward(queue, dy, x, {}, weight, mean, rstd, Write::overwrite, dx, dweight,
                          dbias);
    });
  }
  {
    Shape const shape{options.rows, options.width};
    Tensor const branch = random_operand(queue, dtype, shape, 1);
    Tensor const gamma = random_operand(queue, dtype, {options.width}, 2);
    Tensor x = random_operand(queue, dtype, shape, 3), dbranch(queue, dtype, shape);
    Tensor dgamma = Tensor::zeros(queue, sums, {options.width});
    print("residual forward", options.width, 3,
          [&] { residual_forward(queue, branch, {}, {}, gamma, x); });
    print("residual backward", options.width, 3,
          [&] { residual_backward(queue, x, branch, {}, {}, gamma, dbranch, dgamma); });

    Tensor const weight = random_operand(queue, dtype, {options.width}, 4);
    Tensor const bias = random_operand(queue, dtype, {options.width}, 5);
    Tensor y(queue, dtype, shape), dx = random_operand(queue, dtype, shape, 6);
    Tensor mean(queue, sums, {options.rows}), rstd(queue, sums, {options.rows});
    EndingBranch const ending{branch, {}, {}, gamma};
    BranchNorm const norm{{}, weight, bias};
    Tensor sum(queue, dtype, shape);
    Tensor dweight = Tensor::zeros(queue, sums, {options.width}),
           dbias = Tensor::zeros(queue, sums, {options.width});
    print("residual+norm forward", options.width, 4,
          [&] { residual_norm_forward(queue, x, ending, norm, sum, y, mean, rstd); });
    print("residual+norm backward", options.width, 6, [&] {
      residual_norm_backward(queue, y, sum, norm, mean, rstd, ending, dx, dbranch,
                             {dweight, dbias, dgamma});
    });
  }
  Tensor const gate_up = random_operand(queue, dtype, {options.rows, 2 * options.ffn}, 1);
  Tensor const dy = random_operand(queue, dtype, {options.rows, options.ffn}, 2);
  Tensor const weight = random_operand(queue, dtype, {options.ffn}, 3);
  Tensor const bias = random_operand(queue, dtype, {options.ffn}, 4);
  Tensor y(queue, dtype, dy.shape()), dgate_up(queue, dtype, gate_up.shape());
  Tensor mean(queue, sums, {options.rows}), rstd(queue, sums, {options.rows});
  Tensor dweight = Tensor::zeros(queue, sums, {options.ffn}),
         dbias = Tensor::zeros(queue, sums, {options.ffn});
  print("geglu forward", options.ffn, 3, [&] { geglu_forward(queue, gate_up, y); });
  print("geglu backward", options.ffn, 5, [&] { geglu_backward(queue, dy, gate_up, dgate_up); });
  print("geglu+norm forward", options.ffn, 3,
        [&] { geglu_norm_forward(queue, gate_up, weight, bias, y, mean, rstd); });
  print("geglu+norm backward", options.ffn, 5, [&] {
    geglu_norm_backward(queue, dy, gate_up, weight, mean, rstd, dgate_up, dweight, dbias);
  });
  return 0;
}

}  // namespace

void add_bench_layernorm(CLI::App& bench, Run& run) {
  auto options = std::make_shared<LayerNormOptions>();
  CLI::App* command = bench.add_subcommand(
      "layernorm",
      "LayerNorm, residual and GeGLU, which memory limits: rates beside that of a copy");
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
  command->callback([options, &run] { run = [options] { return bench_layernorm(*options); }; });
}

}  // namespace accord::app
