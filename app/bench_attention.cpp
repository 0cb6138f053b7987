// `accord bench attention`: attention over packed sequences with a relative-position bias.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "app/bench_commands.hpp"
#include "app/bench_timing.hpp"
#include "app/build_info.hpp"
#include "app/options.hpp"
#include "core/model/modality/position_bias.hpp"
#include "core/ops/attention.hpp"

namespace accord::app {
namespace {

struct Options {
  std::vector<Index> lengths = {22, 65, 257};
  Index sequences = 16, heads = 24, head_dim = 64;
  std::string dtype = "float32";
  int repeats = 5;
};

int bench_attention(Options const& options) {
  Queue queue(selected_backend());
  DType const dtype = bench_dtype(options.dtype, queue.backend());
  Limits const limits = measure_limits(queue, dtype, options.repeats);
  fmt::print(
      "{}\n{}\n{}, {} sequences, {} heads of {}, a table gradient; median of {} calls\n"
      "a large square product runs at {:.1f} GFLOP/s, a copy reads and writes {:.1f} GB/s\n\n"
      "{:>7} {:<9} {:>9} {:>10} {:>9} {:>9} {:>9}\n",
      build_description(), device_line(queue.backend()), name_of(dtype), options.sequences,
      options.heads, options.head_dim, options.repeats, limits.flops * 1e-9, limits.bytes * 1e-9,
      "length", "pass", "ms", "GFLOP/s", "fraction", "GB/s", "fraction");
  constexpr Index beta = 256;
  for (Index const length : options.lengths) {
    Index const rows = length * options.sequences, width = options.heads * options.head_dim;
    AttentionPlan plan;
    std::vector<std::int32_t> positions;
    for (Index s = 0; s < options.sequences; ++s) {
      plan.segments.push_back({s * length, length, 0});
      plan.sequences.push_back(s + 1);
      for (Index i = 0; i < length; ++i) positions.push_back(static_cast<std::int32_t>(i));
    }
    plan.positions = Tensor::from_host(queue, positions);
    BucketMatrix const matrix = log_buckets(length, beta);
    Tensor const bucket =
        Tensor::from_host(queue, std::span(matrix.bucket), Shape{matrix.size, matrix.size});
    Shape const table_shape{log_bucket_rows(beta), options.heads};
    Tensor const table = random_operand(queue, dtype, table_shape, 1);
    Tensor dtable = Tensor::zeros(queue, accumulator_of(dtype), table_shape);
    PositionBias const bias{table, bucket, dtable};
    Tensor const qkv = random_operand(queue, dtype, {rows, 3 * width}, 2);
    Tensor const dout = random_operand(queue, dtype, {rows, width}, 3);
    Tensor out(queue, dtype, {rows, width}), dqkv(queue, dtype, {rows, 3 * width});
    Tensor lse(queue, accumulator_of(dtype), {rows, options.heads});
    // `matrices`: how often [rows, width] elements must be read or written.
    auto const print = [&](char const* pass, int matrices, auto&& call) {
      double const before = queue.flops();
      call();
      double const flops = queue.flops() - before;
      double const seconds = seconds_of_call(queue, options.repeats, call);
      double const bytes =
          static_cast<double>(matrices * rows * width) * static_cast<double>(size_of(dtype));
      fmt::print("{:>7} {:<9} {:>9.3f} {:>10.1f} {:>9.2f} {:>9.1f} {:>9.2f}\n", length, pass,
                 seconds * 1e3, flops / seconds * 1e-9, flops / seconds / limits.flops,
                 bytes / seconds * 1e-9, bytes / seconds / limits.bytes);
    };
    print("forward", 4, [&] {
      attention_forward(queue, plan, options.heads, qkv, {&bias, 1}, nullptr, out, lse);
    });
    print("backward", 8, [&] {
      attention_backward(queue, plan, options.heads, dout, qkv, out, lse, {&bias, 1}, nullptr,
                         dqkv);
    });
  }
  return 0;
}

}  // namespace

void add_bench_attention(CLI::App& bench, Run& run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = bench.add_subcommand(
      "attention",
      "Attention with its relative-position bias: rates beside those of a large product and a "
      "copy");
  command->add_option("--lengths", options->lengths, "Tokens of a sequence")
      ->delimiter(',')
      ->check(CLI::Range(2, 1024))
      ->capture_default_str();
  command->add_option("--sequences", options->sequences, "Sequences")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->add_option("--heads", options->heads, "model.heads")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_timing_options(*command, options->dtype, options->repeats);
  command->callback([options, &run] { run = [options] { return bench_attention(*options); }; });
}

}  // namespace accord::app
