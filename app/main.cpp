// accord: pretrains and evaluates ONE-PEACE. Each subcommand lives in a file of its own; this one
// parses the command line and turns errors into messages and exit codes.

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>
#include <sstream>

#include "app/cli/build_info.hpp"
#include "app/cli/command.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/options.hpp"
#include "app/cli/standard_streams.hpp"
#include "core/base/as_error.hpp"
#include "core/base/printable.hpp"

namespace {

/// Under mpirun or srun, before MPI is up, every rank finds the same fault in the command line or
/// the configuration: the first one reports it for all.
bool speaks_for_all() {
  for (char const* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (char const* rank = std::getenv(name)) return std::string(rank) == "0";
  return true;
}

int exit_code(accord::ExitCode code) { return static_cast<int>(code); }

int fail(std::string const& message, accord::ExitCode code) {
  if (speaks_for_all()) std::cerr << "error: " << accord::printable_lines(message) << std::endl;
  return exit_code(code);
}

}  // namespace

int main(int argc, char** argv) {
  accord::app::StandardStreams streams;
  CLI::App app{"Pretrains and evaluates ONE-PEACE: one transformer for text, pictures and sound.",
               "accord"};
  app.set_version_flag("--version", "accord " + accord::app::build_description());
  app.require_subcommand(1);
  app.get_formatter()->column_width(36);
  app.footer(
      "Exit codes: 0 done; 64 command line or configuration; 65 unusable data, shard or "
      "checkpoint;\n"
      "70 internal error; 74 input or output failed; 75 stopped on request with a checkpoint "
      "saved,\n"
      "run again to go on.");

  accord::app::Run run;
  accord::app::add_commands(app, run);
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; }))
    accord::app::add_device_option(*command);

  try {
    app.parse(argc, argv);
  } catch (CLI::RequiredError const& error) {
    auto const rest = app.remaining(/*recurse=*/true);
    return fail((rest.empty() ? error.what() : "unknown command or option '" + rest.front() + "'") +
                    std::string("; --help lists what there is"),
                accord::ExitCode::usage);
  } catch (CLI::ParseError const& error) {
    std::ostringstream discarded;
    int const code = speaks_for_all() ? app.exit(error) : app.exit(error, discarded, discarded);
    if (code != 0) return exit_code(accord::ExitCode::usage);
    run = [] { return 0; };  // --help and --version, which are printed
  }
  try {
    int const code = run();
    if (code == 0) streams.finish();
    return code;
  } catch (std::exception const&) {
    accord::Error const error = accord::as_error(std::current_exception());
    return fail(error.what(), error.exit_code());
  }
}
