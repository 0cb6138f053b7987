#pragma once
// The commands below `accord bench`.

#include <string>

#include "app/cli/command.hpp"
#include "core/base/backend.hpp"
#include "core/base/dtype.hpp"

namespace accord::app {

void add_bench_attention(CLI::App& bench, Run& run);
void add_bench_contrastive(CLI::App& bench, Run& run);
void add_bench_gemm(CLI::App& bench, Run& run);
void add_bench_layernorm(CLI::App& bench, Run& run);
void add_bench_step(CLI::App& bench, Run& run);

/// `--dtype` and `--repeats`, of benches of single ops.
void add_timing_options(CLI::App& command, std::string& dtype, int& repeats);
/// The type that --dtype names. \throws UsageError where the backend has no such ops
DType bench_dtype(std::string const& name, Backend backend);

}  // namespace accord::app
