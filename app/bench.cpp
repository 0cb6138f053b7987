// `accord bench`: measured rates beside what this machine can do.

#include <CLI/CLI.hpp>

#include "app/bench_commands.hpp"
#include "app/commands.hpp"

namespace accord::app {

void add_bench(CLI::App& app, Run& run) {
  CLI::App* bench = app.add_subcommand("bench", "Measure rates of this build on this machine");
  bench->require_subcommand(1);
  add_bench_contrastive(*bench, run);
  add_bench_step(*bench, run);
}

}  // namespace accord::app
