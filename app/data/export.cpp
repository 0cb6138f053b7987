// `accord data export`: a dataset as archives that other programs read.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

#include "app/cli/progress.hpp"
#include "app/data/commands.hpp"
#include "io/dataset/export.hpp"

namespace accord::app {

void add_data_export(CLI::App& data, Run& run) {
  struct CommandOptions {
    std::filesystem::path dataset;
    std::string format = "webdataset";
    io::ExportOptions to;
  };
  auto options = std::make_shared<CommandOptions>();
  CLI::App* command =
      data.add_subcommand("export", "Write a dataset as archives that other programs read");
  command->add_option("dataset", options->dataset, "Folder with index.json and shards")
      ->type_name("DIR")
      ->required();
  command->add_option("--to", options->format, "Format of the archives")
      ->check(CLI::IsMember({"webdataset"}))
      ->capture_default_str();
  command->add_option("--out", options->to.out, "Folder that gets NNNNN.tar, one for each shard")
      ->type_name("DIR")
      ->required();
  command->add_flag("--number-keys", options->to.number_keys,
                    "Name samples by their numbers: their keys may be no names of members");
  command->footer(
      "Of each sample KEY.jpg or what its media are, KEY.NAME.npy, KEY.txt; several captions, and "
      "a label that\n"
      "has a name, in KEY.json; other labels in KEY.cls. `accord data build` makes the same "
      "samples "
      "of them.");
  command->callback([options, &run] {
    run = [options] {
      io::Dataset const dataset = io::Dataset::open(options->dataset);
      {
        Progress progress(std::cerr, Progress::style_of_stderr(), "sample", dataset.size());
        io::export_webdataset(dataset, options->to, [&](Index done) { progress.show(done); });
      }
      std::cout << fmt::format("{} samples in {} archives: {}\n", dataset.size(),
                               dataset.index().shards.size(), options->to.out.string());
      return 0;
    };
  });
}

}  // namespace accord::app
