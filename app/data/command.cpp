// `accord data`: datasets of HDF5 shards, made and looked at.

#include <CLI/CLI.hpp>

#include "app/cli/commands.hpp"
#include "app/data/commands.hpp"

namespace accord::app {

void add_data(CLI::App& app, Run& run) {
  CLI::App* data =
      app.add_subcommand("data", "Make, look into and check datasets (folders of HDF5 shards)");
  data->require_subcommand(1);
  add_data_build(*data, run);
  add_data_synth(*data, run);
  add_data_inspect(*data, run);
  add_data_export(*data, run);
  add_data_verify(*data, run);
}

}  // namespace accord::app
