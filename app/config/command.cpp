// `accord config`: what a configuration file means once presets, stage and overrides are in.

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/cli/commands.hpp"
#include "app/cli/options.hpp"
#include "app/config/config.hpp"
#include "core/base/error.hpp"

namespace accord::app {

void add_config(CLI::App& app, Run& run) {
  struct Options {
    std::string file;
    std::vector<std::string> overrides;
    int ranks = 0;
    bool reference = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "config", "Check a configuration and print it resolved, or list every key there is");
  CLI::Option* file = command->add_option("--config", options->file, "Configuration file (TOML)");
  add_override_option(*command, options->overrides);
  command->add_option("--ranks", options->ranks, "Also check that this many ranks can run it")
      ->check(CLI::PositiveNumber);
  command
      ->add_flag("--reference", options->reference, "Print the configuration reference (Markdown)")
      ->excludes(file);
  command->callback([options, &run] {
    run = [options] {
      if (options->reference) {
        std::cout << configuration_reference();
        return 0;
      }
      if (options->file.empty()) throw UsageError("give --config FILE, or --reference");
      Config const config = load_config(options->file, options->overrides);
      if (options->ranks > 0) check_layout(config, options->ranks, selected_backend());
      std::cout << to_toml(config);
      return 0;
    };
  });
}

}  // namespace accord::app
