// `accord embed`: the embeddings of a dataset, as HDF5.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>

#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/eval/inference.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/file/file.hpp"
#include "io/file/output.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "io/hdf5/hdf5_writer.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {
namespace {

struct EmbedOptions {
  std::string checkpoint, data, out;
};

std::string group_of(Config const& config, Embeddings const& e) {
  return "/" + config.model.modalities[e.modality.index()].name;
}

void write_datasets(std::filesystem::path const& path, Config const& config,
                    std::vector<std::string> const& keys,
                    std::vector<Embeddings> const& embeddings) {
  io::Hdf5Writer file(path);
  for (Embeddings const& e : embeddings) {
    Index const shape[] = {static_cast<Index>(e.samples.size()), e.dim};
    file.write(group_of(config, e) + "/embedding", std::span<float const>(e.values), shape);
    file.write(group_of(config, e) + "/sample", std::span<std::uint64_t const>(e.samples));
  }
  file.write_text("/key", keys);
  file.close();
  io::File::open_write(path).sync();
}

/// \throws IoError unless the file holds what was written, bit for bit
void read_back(std::filesystem::path const& path, Config const& config,
               std::vector<std::string> const& keys, std::vector<Embeddings> const& embeddings) {
  auto const require_same = [&](std::string const& name, auto const& expected, auto const& found) {
    if (expected.size() != found.size() ||
        std::memcmp(expected.data(), found.data(), std::span(expected).size_bytes()) != 0)
      throw IoError(fmt::format("{}: {} is not what was written", path.string(), name));
  };
  io::Hdf5Reader const file(path);
  for (Embeddings const& e : embeddings) {
    std::string const group = group_of(config, e);
    require_same(group + "/embedding", e.values, file.read<float>(group + "/embedding"));
    require_same(group + "/sample", e.samples, file.read<std::uint64_t>(group + "/sample"));
  }
  if (file.read_text("/key") != keys)
    throw IoError(fmt::format("{}: /key is not what was written", path.string()));
}

/// Under another name first, so that no reader meets half a file.
void write_file(std::filesystem::path const& out, Config const& config, io::Dataset const& dataset,
                std::vector<Embeddings> const& embeddings) {
  std::vector<std::string> keys;
  for (Index i = 0; i < dataset.size(); ++i) keys.push_back(dataset.key(i));
  std::filesystem::path const unfinished = out.string() + ".tmp";
  try {
    write_datasets(unfinished, config, keys, embeddings);
    read_back(unfinished, config, keys, embeddings);
    io::rename_durably(unfinished, out);
  } catch (...) {
    std::error_code ignored;
    std::filesystem::remove(unfinished, ignored);
    throw;
  }
}

/// \throws DataError naming an item whose embedding is of no use
void require_finite(std::vector<Embeddings> const& embeddings, Config const& config,
                    io::Dataset const& dataset) {
  for (Embeddings const& e : embeddings)
    if (auto const at = io::first_not_finite(DType::float32, std::as_bytes(std::span(e.values)))) {
      auto const item = static_cast<std::size_t>(*at / e.dim);
      throw DataError(
          fmt::format("{}: the embedding of sample {} (key '{}') is not finite; nothing is written",
                      config.model.modalities[e.modality.index()].name, e.samples[item],
                      dataset.key(static_cast<Index>(e.samples[item]))));
    }
}

int embed(parallel::MpiEnvironment const& mpi, EmbedOptions const& options) {
  auto const world = parallel::MpiCommunicator::world();
  Queue queue(selected_backend(mpi.local_rank()));
  bool const first = mpi.rank() == 0;
  std::optional<io::Output> out;
  io::together(*world, queue, [&] {
    if (first) out.emplace(options.out, "--out").seekable();
  });
  auto const loaded =
      load_inference(queue, *world, options.checkpoint,
                     [](std::string const& text) { std::cerr << text << std::endl; });
  Inference& model = *loaded;
  io::Dataset const dataset = open_agreed(queue, *world, options.data);
  std::vector<Embeddings> const embeddings = embed_all(model, dataset, first);
  if (!first) return 0;
  require_finite(embeddings, model.config(), dataset);
  write_file(out->path(), model.config(), dataset, embeddings);
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
