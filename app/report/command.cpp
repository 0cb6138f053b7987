// `accord report`: what a run did, as one page.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <optional>

#include "app/cli/commands.hpp"
#include "app/report/report.hpp"
#include "io/file/output.hpp"

namespace accord::app {

void add_report(CLI::App& app, Run& run) {
  struct Options {
    std::string run;
    std::optional<std::string> out, svg;
  };
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "report",
      "Make one self-contained HTML page of a run: curves, throughput, evaluation, events");
  command->add_option("--run", options->run, "Folder of the run (its log.directory)")
      ->type_name("FOLDER")
      ->required();
  command
      ->add_option("--out", options->out,
                   "Page to write; report.html in the run's folder by default")
      ->type_name("FILE");
  command->add_option("--svg", options->svg, "Also write the loss curve alone, as SVG")
      ->type_name("FILE");
  command->callback([options, &run] {
    run = [options] {
      std::filesystem::path const folder = options->run;
      std::filesystem::path const out =
          options->out ? std::filesystem::path(*options->out) : folder / "report.html";
      io::Output const page(out, "--out");
      std::optional<io::Output> curve;
      if (options->svg) curve.emplace(*options->svg, "--svg");
      page.write(report_html(folder));
      std::cout << out.string() << '\n';
      if (curve) {
        curve->write(loss_curve_svg(folder));
        std::cout << *options->svg << '\n';
      }
      return 0;
    };
  });
}

}  // namespace accord::app
