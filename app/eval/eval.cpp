// `accord eval`: retrieval or classification by a checkpoint on a dataset.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "app/cli/commands.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/text.hpp"
#include "app/eval/classification.hpp"
#include "app/eval/inference.hpp"
#include "app/eval/retrieval.hpp"
#include "core/model/modality/adapter.hpp"
#include "core/model/names.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/file/output.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {
namespace {

struct EvalOptions {
  std::string checkpoint, data, task = "retrieval";
  std::optional<std::string> out;
  RetrievalOptions retrieval;
  std::string modality, templates, classes;  // of a classification
};

nlohmann::ordered_json to_json(Recall const& recall) {
  return {{"r1", recall.r1}, {"r5", recall.r5}, {"r10", recall.r10}};
}

void add_origin(nlohmann::ordered_json& json, EvalOptions const& options, Inference const& model) {
  json["task"] = options.task;
  json["data"] = options.data;
  json["checkpoint"] = model.checkpoint().folder.string();
  json["step"] = model.checkpoint().manifest.step;
}

nlohmann::ordered_json to_json(EvalOptions const& options, Inference const& model, Index samples,
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
  add_origin(json, options, model);
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
    if (reads_text(modality)) return modality.name;
  return "text";
}

void write(std::optional<io::Output> const& out, EvalOptions const& options,
           nlohmann::ordered_json const& json) {
  if (!out) return;
  out->write(json.dump(2) + "\n");
  std::cout << *options.out << '\n';
}

void evaluate_retrieval(Queue& queue, Communicator& world, Inference& model,
                        io::Dataset const& dataset, EvalOptions const& options,
                        std::optional<io::Output> const& out) {
  bool const first = world.rank() == 0;
  std::vector<Embeddings> const embeddings = embed_all(model, dataset, first);
  if (embeddings.size() < 2)
    throw DataError(fmt::format("{}: retrieval needs two of the model's modalities", options.data));
  bool const compare = options.retrieval.equal_captions || options.retrieval.pool > 0;
  std::vector<RetrievalResult> const results =
      retrieve(queue, world, embeddings, partners(dataset, text_modality(model.config()), compare),
               options.retrieval);
  if (!first) return;
  print_table(model, results);
  write(out, options, to_json(options, model, dataset.size(), results));
}

/// What is classified: the modality asked for, or the only one that is no text.
Modality classified_modality(Inference const& model, io::Dataset const& dataset,
                             std::string const& wanted) {
  std::vector<Modality> candidates;
  std::vector<std::string> names;
  for (Modality const m : model.modalities_of(dataset)) {
    ModalityConfig const& modality = model.config().model.modalities[m.index()];
    if (reads_text(modality) || (!wanted.empty() && modality.name != wanted)) continue;
    candidates.push_back(m);
    names.push_back(modality.name);
  }
  if (candidates.empty())
    throw DataError(fmt::format("{}: holds no {} that the model embeds", dataset.path().string(),
                                wanted.empty() ? "modality beside text" : wanted));
  if (candidates.size() > 1)
    throw UsageError(fmt::format("--modality: say which of {} to classify", joined(names)));
  return candidates.front();
}

void require_same_classes(Inference const& model, io::Dataset const& dataset) {
  ModelConfig const& config = model.config().model;
  ObjectiveConfig const& head =
      config
          .objectives[static_cast<std::size_t>(find_objective(config, &ObjectiveFamily::labelled))];
  if (dataset.index().classes != head.class_names)
    throw DataError(fmt::format(
        "{}: its {} classes are not the {} that the model's head knows, in the same order; "
        "--templates classifies without the head",
        dataset.path().string(), dataset.index().classes.size(), head.class_names.size()));
}

void evaluate_classification(Inference& model, io::Dataset const& dataset, bool first,
                             EvalOptions const& options, std::optional<io::Output> const& out) {
  ModelConfig const& config = model.config().model;
  bool const zero_shot =
      !has_objective(config, &ObjectiveFamily::labelled) || !options.templates.empty();
  std::vector<std::string> templates;
  ClassScores scores;
  if (zero_shot) {
    Modality const m = classified_modality(model, dataset, options.modality);
    ModalityConfig const& classified = config.modalities[m.index()];
    templates = prompt_templates(options.templates, adapter_family(classified.adapter).prompt);
    Modality const text = find_modality(config, text_modality(model.config()));
    if (text < 0)
      throw DataError(fmt::format("{}: the model reads no text, which zero-shot classes need",
                                  options.checkpoint));
    // What can be refused comes before the work.
    std::vector<std::string> const names = class_names(dataset, options.classes);
    static_cast<void>(labels_of(dataset, static_cast<Index>(names.size())));
    scores = zero_shot_scores(model, text, embed(model, dataset, m, first), names, templates);
  } else {
    require_same_classes(model, dataset);
    scores = head_scores(classify(model, dataset, first));
  }
  ClassificationResult const result = classify(scores, labels_of(dataset, scores.classes));
  if (!first) return;
  std::cout << fmt::format("accuracy {:.2f} % of {}, among {} classes (chance {:.2f} %)\n",
                           100 * result.accuracy, result.count, scores.classes,
                           100.0 / static_cast<double>(scores.classes));
  if (result.multi_hot)
    std::cout << fmt::format("mean average precision {:.4f}\n", result.mean_average_precision);
  nlohmann::ordered_json json;
  json["accuracy"] = result.accuracy;
  if (result.multi_hot) json["map"] = result.mean_average_precision;
  json["count"] = result.count;
  json["classes"] = scores.classes;
  json["modality"] = config.modalities[scores.modality.index()].name;
  json["method"] = zero_shot ? "zero-shot" : "head";
  if (zero_shot) json["templates"] = templates;
  add_origin(json, options, model);
  write(out, options, json);
}

int evaluate(parallel::MpiEnvironment const& mpi, EvalOptions const& options) {
  auto const world = parallel::MpiCommunicator::world();
  Queue queue(selected_backend(mpi.local_rank()));
  std::optional<io::Output> out;
  io::together(*world, queue, [&] {
    if (mpi.rank() == 0 && options.out) out.emplace(*options.out, "--out");
  });
  auto const loaded =
      load_inference(queue, *world, options.checkpoint,
                     [](std::string const& text) { std::cerr << text << std::endl; });
  Inference& model = *loaded;
  io::Dataset const dataset = open_agreed(queue, *world, options.data);
  if (options.task == "retrieval")
    evaluate_retrieval(queue, *world, model, dataset, options, out);
  else
    evaluate_classification(model, dataset, mpi.rank() == 0, options, out);
  return 0;
}

}  // namespace

void add_eval(CLI::App& app, Run& run) {
  auto options = std::make_shared<EvalOptions>();
  CLI::App* command = app.add_subcommand(
      "eval", "Measure retrieval or classification by a checkpoint on a dataset; under mpirun too");
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint, or folder of which the newest is taken")
      ->type_name("FOLDER")
      ->required();
  command->add_option("--data", options->data, "Dataset: folder of shards")
      ->type_name("FOLDER")
      ->required();
  command->add_option("--task", options->task, "What to measure")
      ->check(CLI::IsMember({"retrieval", "classify"}))
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
  command->add_option("--modality", options->modality,
                      "classify: what, where the dataset holds several kinds [the only one]");
  command
      ->add_option("--templates", options->templates,
                   "classify: prompts with {} for the name of a class, a file with one per line or "
                   "one prompt [the model's own head; without one the usual prompt for what is "
                   "classified, as \"a photo of a {}\"]")
      ->type_name("FILE|TEXT");
  command
      ->add_option("--classes", options->classes,
                   "classify: file with the name of each class in a line [those of the dataset]")
      ->type_name("FILE");
  command->footer(
      "Retrieval: every item is a query and a candidate; any item of the same sample is a hit, so "
      "that a picture\n"
      "with five captions finds any of them.");
  command->callback([options, &run] {
    run = [options] {
      return launch([&](parallel::MpiEnvironment const& mpi) { return evaluate(mpi, *options); });
    };
  });
}

}  // namespace accord::app
