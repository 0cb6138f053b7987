// accord: pretrains and evaluates ONE-PEACE. Each subcommand lives in a file of its own; this one
// parses the command line and turns errors into messages and exit codes.

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>
#include <string_view>

#include "app/cli/build_info.hpp"
#include "app/cli/command.hpp"
#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/standard_streams.hpp"
#include "app/cli/stop_signals.hpp"
#include "core/base/as_error.hpp"

namespace {

int exit_code(accord::ExitCode code) { return static_cast<int>(code); }

/// Before MPI is up, or without it.
int fail(std::string const& message, accord::ExitCode code) {
  accord::app::report_error(accord::app::launched_rank(), message);
  return exit_code(code);
}

}  // namespace

int main(int argc, char** argv) {
  accord::app::turn_write_signals_into_errors();
  // A run is to end with a checkpoint whenever it is asked to, also while it starts.
  if (argc > 1 && std::string_view(argv[1]) == "train") accord::app::catch_stop_signals();
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
    // Help and version are no errors; one rank prints them, as one prints an error that all have.
    std::ostringstream text;
    int const code = app.exit(error, text, text);
    if (code != 0) return fail(error.what(), accord::ExitCode::usage);
    run = [text = text.str()] {
      if (accord::app::launched_rank() <= 0) std::cout << text;
      return 0;
    };
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
