// `accord eval`: zero-shot retrieval of a checkpoint on a dataset.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>

#include "app/commands.hpp"
#include "app/inference.hpp"
#include "app/launch.hpp"
#include "app/names.hpp"
#include "app/options.hpp"
#include "app/retrieval.hpp"
#include "io/file/file.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {
namespace {

struct Options {
  std::string checkpoint, data, task = "retrieval", out;
  RetrievalOptions retrieval;
};

nlohmann::ordered_json to_json(Recall const& recall) {
  return {{"r1", recall.r1}, {"r5", recall.r5}, {"r10", recall.r10}};
}

nlohmann::ordered_json to_json(Options const& options, Inference const& model, Index samples,
                               std::vector<RetrievalResult> const& results) {
  nlohmann::ordered_json json, chance;
  for (RetrievalResult const& result : results) {
    std::string const name = direction_name(model.config().model, result.query, result.candidate);
    json[name] = to_json(result.recall);
    json[name]["queries"] = result.queries;
    chance[name] = to_json(result.chance);
  }
  json["count"] = samples;
  json["chance"] = chance;
  json["task"] = options.task;
  json["data"] = options.data;
  json["checkpoint"] = model.checkpoint().folder.string();
  json["step"] = model.checkpoint().manifest.step;
  json["equal_captions"] = options.retrieval.equal_captions;
  if (options.retrieval.pool > 0) {
    json["pool"] = options.retrieval.pool;
    json["draws"] = options.retrieval.draws;
  }
  return json;
}

void print_table(Inference const& model, std::vector<RetrievalResult> const& results) {
  std::cout << "         R@1            R@5            R@10          among\n";
  for (RetrievalResult const& r : results) {
    auto const cell = [](double x, double chance) {
      return fmt::format("{:5.1f} % ({:4.1f})", x, chance);
    };
    std::cout << fmt::format("{:<6} {}  {}  {}  {}\n",
                             direction_name(model.config().model, r.query, r.candidate),
                             cell(r.recall.r1, r.chance.r1), cell(r.recall.r5, r.chance.r5),
                             cell(r.recall.r10, r.chance.r10), r.candidates);
  }
  std::cout << "In brackets: what chance would give.\n";
}

std::string text_modality(Config const& config) {
  for (ModalityConfig const& modality : config.model.modalities)
    if (modality.adapter == "token") return modality.name;
  return "text";
}

int evaluate(parallel::MpiEnvironment const& mpi, Options const& options) {
  auto const world = parallel::MpiCommunicator::world();
  Queue queue(selected_backend());
  bool const first = mpi.rank() == 0;
  Inference model(queue, *world, options.checkpoint,
                  [](std::string const& text) { std::cerr << text << std::endl; });
  io::Dataset const dataset = io::Dataset::open(options.data);
  std::vector<Embeddings> const embeddings = embed_all(model, dataset, first);
  if (embeddings.size() < 2)
    throw DataError(fmt::format("{}: retrieval needs two of the model's modalities", options.data));
  bool const compare = options.retrieval.equal_captions || options.retrieval.pool > 0;
  std::vector<RetrievalResult> const results =
      retrieve(queue, *world, embeddings, partners(dataset, text_modality(model.config()), compare),
               options.retrieval);
  if (!first) return 0;
  print_table(model, results);
  if (!options.out.empty()) {
    io::write_file_atomically(options.out,
                              to_json(options, model, dataset.size(), results).dump(2) + "\n");
    std::cout << options.out << '\n';
  }
  return 0;
}

}  // namespace

void add_eval(CLI::App& app, Run& run) {
  auto options = std::make_shared<Options>();
  CLI::App* command = app.add_subcommand(
      "eval", "Measure zero-shot retrieval of a checkpoint on a dataset; under mpirun too");
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint, or folder of which the newest is taken")
      ->type_name("FOLDER")
      ->required();
  command->add_option("--data", options->data, "Dataset: folder of shards")
      ->type_name("FOLDER")
      ->required();
  command->add_option("--task", options->task, "What to measure")
      ->check(CLI::IsMember({"retrieval"}))
      ->capture_default_str();
  command->add_option("--out", options->out, "Also write the figures as JSON")->type_name("FILE");
  command->add_flag("--equal-captions", options->retrieval.equal_captions,
                    "Samples with the same caption are partners of each other");
  command
      ->add_option("--pool", options->retrieval.pool,
                   "Rank within random pools of N samples with different captions; 0: within all")
      ->type_name("N")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_option("--draws", options->retrieval.draws, "Pools to average over")
      ->type_name("N")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->callback([options, &run] {
    run = [options] {
      return launch([&](parallel::MpiEnvironment const& mpi) { return evaluate(mpi, *options); });
    };
  });
}

}  // namespace accord::app
