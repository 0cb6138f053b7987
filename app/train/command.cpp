// `accord train`: its command line.

#include <CLI/CLI.hpp>
#include <memory>

#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/stop_signals.hpp"
#include "app/config/compare.hpp"
#include "app/train/provisions.hpp"
#include "app/train/train_run.hpp"

namespace accord::app {

void add_train(CLI::App& app, Run& run) {
  struct Options {
    std::string file;
    std::vector<std::string> overrides, allowed;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "train",
      "Pretrain or fine-tune, under mpirun or srun on any number of ranks; resumes by itself");
  command->footer(
      "A run continues from the newest valid checkpoint in checkpoint.directory, on any number of "
      "ranks.\n"
      "Exit code 75: stopped on request (SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGHUP, SIGQUIT, "
      "SIGXCPU,\n"
      "train.stop_after_step or train.stop_before_seconds) with a checkpoint saved, or before its\n"
      "first step with nothing to save; run it again to go on.");
  command
      ->add_option("--config", options->file,
                   "Configuration (TOML); `accord config --reference` lists its keys")
      ->type_name("FILE")
      ->required();
  add_override_option(*command, options->overrides);
  command
      ->add_option("--allow-change", options->allowed,
                   "Go on although this key is not as in the checkpoint: the learning rates, the "
                   "warm-up, clipping or the seed. What changed is kept in later checkpoints")
      ->type_name("KEY")
      ->allow_extra_args(false);
  command->callback([options, &run] {
    run = [options] {
      check_allowed_changes(options->allowed);
      Config const config = load_config(options->file, options->overrides);
      return launch([&](parallel::MpiEnvironment const& mpi) {
        catch_stop_signals();  // MPI may have put handlers of its own in the place of ours
        if (mpi.rank() == 0) require_outputs(config);
        return TrainRun(mpi, config, options->allowed).run();
      });
    };
  });
}

}  // namespace accord::app
