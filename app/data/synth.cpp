// `accord data synth`: pictures of two objects with captions and sounds, drawn from a seed.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>

#include "app/cli/progress.hpp"
#include "app/data/commands.hpp"
#include "io/dataset/synth.hpp"
#include "io/file/leased_folder.hpp"

namespace accord::app {

void add_data_synth(CLI::App& data, Run& run) {
  auto options = std::make_shared<io::SynthOptions>();
  CLI::App* command = data.add_subcommand(
      "synth", "Draw the synthetic set: two coloured shapes, a caption, and a tone per word");
  command
      ->add_option("--out", options->out,
                   "Folder that gets train, heldout-captions and heldout-pairs")
      ->type_name("DIR")
      ->required();
  command->add_option("--train", options->train, "Training samples")->capture_default_str();
  command
      ->add_option("--held-out", options->held_out,
                   "Samples in either held-out set, captions all distinct")
      ->capture_default_str();
  command->add_option("--size", options->size, "Side of the pictures, pixels")
      ->capture_default_str();
  command->add_option("--seed", options->seed, "Equal seeds give equal bytes")
      ->capture_default_str();
  command->add_flag("!--no-audio", options->audio, "Leave the sounds out");
  command->footer(
      "Captions such as \"a large red circle above a small blue square\": 36480 of them.\n"
      "  train             captions and colour-shape pairs to learn from\n"
      "  heldout-captions  captions that training never shows, made of pairs that it shows\n"
      "  heldout-pairs     captions with a red square, yellow diamond, blue ring or brown circle,\n"
      "                    which training never shows\n"
      "Running it again with the same options changes nothing.");
  command->callback([options, &run] {
    run = [options] {
      io::LeasedFolder const held(options->out, io::synth_datasets, "--out", "accord data synth",
                                  [](std::string const& text) { std::cerr << text << std::endl; });
      {
        Progress progress(std::cerr, Progress::style_of_stderr(), "sample",
                          options->train + 2 * options->held_out);
        io::build_synth(*options, [&](Index done, Index) { progress.show(done); });
      }
      for (std::string const& part : io::synth_datasets)
        std::cout << fmt::format("{} samples: {}\n",
                                 part[0] == 't' ? options->train : options->held_out,
                                 (options->out / part).string());
      return 0;
    };
  });
}

}  // namespace accord::app
