// `accord bench`: measured rates beside what this machine can do.

#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "app/bench/commands.hpp"
#include "app/cli/commands.hpp"
#include "core/base/error.hpp"

namespace accord::app {

void add_timing_options(CLI::App& command, std::string& dtype, int& repeats) {
  command.add_option("--dtype", dtype, "float32, float64 (cpu) or bfloat16 (cuda)")
      ->check(CLI::IsMember({"float32", "float64", "bfloat16"}))
      ->capture_default_str();
  command.add_option("--repeats", repeats, "Calls to take the median of")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
}

DType bench_dtype(std::string const& name, Backend backend) {
  DType const dtype = name == "float64"    ? DType::float64
                      : name == "bfloat16" ? DType::bfloat16
                                           : DType::float32;
  if (dtype != DType::float32 && (dtype == DType::bfloat16) != (backend == Backend::cuda))
    throw UsageError(
        fmt::format("--dtype {} is not available on {}; use float32", name, name_of(backend)));
  return dtype;
}

void add_bench(CLI::App& app, Run& run) {
  CLI::App* bench = app.add_subcommand("bench", "Measure rates of this build on this machine");
  bench->require_subcommand(1);
  add_bench_attention(*bench, run);
  add_bench_contrastive(*bench, run);
  add_bench_gemm(*bench, run);
  add_bench_layernorm(*bench, run);
  add_bench_step(*bench, run);
}

}  // namespace accord::app
