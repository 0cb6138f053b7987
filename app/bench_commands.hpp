#pragma once
// The commands below `accord bench`.

#include "app/command.hpp"

namespace accord::app {

void add_bench_contrastive(CLI::App& bench, Run& run);
void add_bench_step(CLI::App& bench, Run& run);

}  // namespace accord::app
