#pragma once
// The commands below `accord data`.

#include "app/cli/command.hpp"

namespace accord::app {

void add_data_build(CLI::App& data, Run& run);
void add_data_synth(CLI::App& data, Run& run);
void add_data_inspect(CLI::App& data, Run& run);
void add_data_export(CLI::App& data, Run& run);
void add_data_verify(CLI::App& data, Run& run);

}  // namespace accord::app
