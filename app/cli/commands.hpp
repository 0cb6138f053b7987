#pragma once
// All subcommands of `accord`.

#include "app/cli/command.hpp"

namespace accord::app {

void add_bench(CLI::App& app, Run& run);
void add_checkpoint(CLI::App& app, Run& run);
void add_config(CLI::App& app, Run& run);
void add_data(CLI::App& app, Run& run);
void add_embed(CLI::App& app, Run& run);
void add_eval(CLI::App& app, Run& run);
void add_tokenizer(CLI::App& app, Run& run);
void add_report(CLI::App& app, Run& run);
void add_train(CLI::App& app, Run& run);
void add_verify(CLI::App& app, Run& run);

/// In the order of `accord --help`.
inline void add_commands(CLI::App& app, Run& run) {
  add_train(app, run);
  add_eval(app, run);
  add_embed(app, run);
  add_data(app, run);
  add_tokenizer(app, run);
  add_checkpoint(app, run);
  add_report(app, run);
  add_verify(app, run);
  add_bench(app, run);
  add_config(app, run);
}

}  // namespace accord::app
