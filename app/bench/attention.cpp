// `accord bench attention`: attention over packed sequences with a relative-position bias.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iostream>
#include <memory>

#include "app/bench/commands.hpp"
#include "app/bench/timing.hpp"
#include "app/cli/build_info.hpp"
#include "app/cli/options.hpp"
#include "core/model/modality/position_bias.hpp"
#include "core/ops/attention.hpp"
#include "core/ops/cuda/attention_fused.hpp"
#include "core/ops/cuda/attention_unfused.hpp"

namespace accord::app {
namespace {

struct AttentionOptions {
  std::vector<Index> lengths = {65, 124, 257, 329};
  Index sequences = 16, heads = 24, head_dim = 64;
  std::string dtype = "float32";
  int repeats = 5;
};

/// What one row of the table measures.
struct Operands {
  Operands(Queue& queue, DType dtype, AttentionOptions const& options,
           std::vector<Index> const& lengths)
      : heads(options.heads) {
    std::vector<std::int32_t> positions;
    for (Index const length : lengths) {
      plan.segments.push_back({static_cast<Index>(positions.size()), length, 0});
      plan.sequences.push_back(static_cast<Index>(plan.segments.size()));
      for (Index i = 0; i < length; ++i) positions.push_back(static_cast<std::int32_t>(i));
    }
    rows = static_cast<Index>(positions.size());
    plan.positions = Tensor::from_host(queue, positions);
    constexpr Index beta = 256;
    BucketMatrix const matrix =
        log_buckets(*std::max_element(lengths.begin(), lengths.end()), beta);
    bucket = Tensor::from_host(queue, std::span(matrix.bucket), Shape{matrix.size, matrix.size});
    Shape const table_shape{log_bucket_rows(beta), heads};
    table = random_operand(queue, dtype, table_shape, 1);
    dtable = Tensor::zeros(queue, accumulator_of(dtype), table_shape);
    Index const width = heads * options.head_dim;
    qkv = random_operand(queue, dtype, {rows, 3 * width}, 2);
    dout = random_operand(queue, dtype, {rows, width}, 3);
    out = Tensor(queue, dtype, {rows, width});
    dqkv = Tensor(queue, dtype, {rows, 3 * width});
    lse = Tensor(queue, accumulator_of(dtype), {rows, heads});
    bias = {table, bucket, dtable};
  }

  AttentionPlan plan;
  Index heads, rows;
  Tensor bucket, table, dtable, qkv, dout, out, dqkv, lse;
  PositionBias bias;
};

void forward(Queue& queue, Operands& o) {
  attention_forward(queue, o.plan, o.heads, o.qkv, {&o.bias, 1}, o.out, o.lse);
}
void backward(Queue& queue, Operands& o) {
  attention_backward(queue, o.plan, o.heads, o.dout, o.qkv, o.out, o.lse, {&o.bias, 1}, o.dqkv);
}

// On cuda. Operands that the fused kernels take can go the other way too.
bool is_fused(Operands const& o) {
  if constexpr (build::has_cuda) return cuda::fused_attention_takes(o.heads, {o.qkv});
  return false;
}
void unfused_forward(Queue& queue, Operands& o) {
  if constexpr (build::has_cuda)
    cuda::unfused_attention_forward<BFloat16>(queue, o.plan, o.heads, o.qkv, {&o.bias, 1}, o.out,
                                              o.lse);
}
void unfused_backward(Queue& queue, Operands& o) {
  if constexpr (build::has_cuda)
    cuda::unfused_attention_backward<BFloat16>(queue, o.plan, o.heads, o.dout, o.qkv, o.lse,
                                               {&o.bias, 1}, o.dqkv);
}

int bench_attention(AttentionOptions const& options) {
  Queue queue(selected_backend());
  time_choices(queue, true);
  DType const dtype = bench_dtype(options.dtype, queue.backend());
  Limits const limits = measure_limits(queue, dtype, options.repeats);
  std::cout << fmt::format(
      "{}\n{}\n{}, {} sequences, {} heads of {}, a table gradient; median of {} calls\n"
      "a large square product runs at {:.1f} GFLOP/s, a copy reads and writes {:.1f} GB/s\n"
      "counted: two products forward, five backward; q, k, v, out and their gradients once\n\n"
      "{:>7} {:<9} {:<9} {:>9} {:>10} {:>9} {:>9} {:>9}\n",
      build_description(), device_line(queue.backend()), name_of(dtype), options.sequences,
      options.heads, options.head_dim, options.repeats, limits.flops * 1e-9, limits.bytes * 1e-9,
      "length", "pass", "form", "ms", "GFLOP/s", "fraction", "GB/s", "fraction");
  auto const measure = [&](std::string const& name, std::vector<Index> const& lengths) {
    Operands operands(queue, dtype, options, lengths);
    double const matrix = static_cast<double>(operands.out.size() * size_of(dtype));
    // `matrices`: how often as many elements as `out` has must be read or written.
    auto const print = [&](char const* pass, std::string const& form, int matrices, double flops,
                           auto&& call) {
      double const seconds =
          seconds_of_call(queue, options.repeats, [&] { call(queue, operands); });
      double const bytes = matrices * matrix;
      std::cout << fmt::format("{:>7} {:<9} {:<9} {:>9.3f} {:>10.1f} {:>9.2f} {:>9.1f} {:>9.2f}\n",
                               name, pass, form, seconds * 1e3, flops / seconds * 1e-9,
                               flops / seconds / limits.flops, bytes / seconds * 1e-9,
                               bytes / seconds / limits.bytes);
    };
    auto const flops_of = [&](auto&& call) {
      double const before = queue.flops();
      call(queue, operands);
      return queue.flops() - before;
    };
    double const forward_flops = flops_of(forward), backward_flops = flops_of(backward);
    bool const on_device = queue.backend() == Backend::cuda,
               fused = on_device && is_fused(operands);
    std::string const form(!on_device ? name_of(queue.backend()) : fused ? "fused" : "unfused");
    print("forward", form, 4, forward_flops, forward);
    print("backward", form, 8, backward_flops, backward);
    if (fused) {
      print("forward", "unfused", 4, forward_flops, unfused_forward);
      print("backward", "unfused", 8, backward_flops, unfused_backward);
    }
  };
  std::vector<Index> mixed;
  for (Index s = 0; s < options.sequences; ++s)
    mixed.push_back(options.lengths[static_cast<std::size_t>(s) % options.lengths.size()]);
  for (Index const length : options.lengths)
    measure(std::to_string(length),
            std::vector<Index>(static_cast<std::size_t>(options.sequences), length));
  if (options.lengths.size() > 1) measure("mixed", mixed);
  return 0;
}

}  // namespace

void add_bench_attention(CLI::App& bench, Run& run) {
  auto options = std::make_shared<AttentionOptions>();
  CLI::App* command = bench.add_subcommand(
      "attention",
      "Attention with its relative-position bias, each length by itself and then all mixed: rates "
      "beside those of a large product and a copy. On a GPU both forms are measured where both "
      "exist (bfloat16, heads of 64): fused, which training takes there, and unfused, which it "
      "takes for all else.");
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
  command->add_option("--head-dim", options->head_dim, "Width of a head")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  add_timing_options(*command, options->dtype, options->repeats);
  command->callback([options, &run] { run = [options] { return bench_attention(*options); }; });
}

}  // namespace accord::app
