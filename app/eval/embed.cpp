// `accord embed`: the embeddings of a dataset, as HDF5.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/eval/inference.hpp"
#include "io/file/file.hpp"
#include "io/hdf5/hdf5_writer.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {
namespace {

struct EmbedOptions {
  std::string checkpoint, data, out;
};

/// Under another name first, so that no reader meets half a file.
void write_file(std::filesystem::path const& out, Config const& config, io::Dataset const& dataset,
                std::vector<Embeddings> const& embeddings) {
  std::filesystem::path unfinished = out;
  unfinished += ".tmp";
  io::Hdf5Writer file(unfinished);
  for (Embeddings const& e : embeddings) {
    std::string const group = "/" + config.model.modalities[e.modality.index()].name;
    Index const shape[] = {static_cast<Index>(e.samples.size()), e.dim};
    file.write(group + "/embedding", std::span<float const>(e.values), shape);
    file.write(group + "/sample", std::span<std::uint64_t const>(e.samples));
  }
  std::vector<std::string> keys;
  for (Index i = 0; i < dataset.size(); ++i) keys.push_back(dataset.key(i));
  file.write_text("/key", keys);
  file.close();
  io::File::open_write(unfinished).sync();
  std::filesystem::rename(unfinished, out);
  io::sync_directory(out.has_parent_path() ? out.parent_path() : ".");
}

int embed(parallel::MpiEnvironment const& mpi, EmbedOptions const& options) {
  auto const world = parallel::MpiCommunicator::world();
  Queue queue(selected_backend(mpi.local_rank()));
  bool const first = mpi.rank() == 0;
  Inference model(queue, *world, options.checkpoint,
                  [](std::string const& text) { std::cerr << text << std::endl; });
  io::Dataset const dataset = open_agreed(queue, *world, options.data);
  std::vector<Embeddings> const embeddings = embed_all(model, dataset, first);
  if (!first) return 0;
  write_file(options.out, model.config(), dataset, embeddings);
  for (Embeddings const& e : embeddings)
    std::cout << fmt::format("{}: {} items of {}\n",
                             model.config().model.modalities[e.modality.index()].name,
                             e.samples.size(), e.dim);
  std::cout << options.out << '\n';
  return 0;
}

}  // namespace

void add_embed(CLI::App& app, Run& run) {
  auto options = std::make_shared<EmbedOptions>();
  CLI::App* command =
      app.add_subcommand("embed", "Embed every item of a dataset; under mpirun too");
  command->footer(
      "The file holds for each modality /<modality>/embedding [items, dim] float32 and "
      "/<modality>/sample\n"
      "[items] uint64, the number of the sample an item belongs to; and /key [samples].");
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint, or folder of which the newest is taken")
      ->type_name("FOLDER")
      ->required();
  command->add_option("--data", options->data, "Dataset: folder of shards")
      ->type_name("FOLDER")
      ->required();
  command->add_option("--out", options->out, "HDF5 file to write")->type_name("FILE")->required();
  command->callback([options, &run] {
    run = [options] {
      return launch([&](parallel::MpiEnvironment const& mpi) { return embed(mpi, *options); });
    };
  });
}

}  // namespace accord::app
