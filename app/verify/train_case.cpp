// Optimizer trajectories, and one step of the whole model on several ranks.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/optim/schedule.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "parallel/data/gather_logical.hpp"
#include "parallel/train/trainer.hpp"

namespace accord::app {
using parallel::TensorKind;

void verify_train(Queue& queue, Reference& reference) {
  auto const steps = static_cast<Index>(reference.number("/steps"));
  Index const samples = reference.shape("inputs/step0/src_tokens")[0];
  ModelConfig const config = reference_model_config(reference, samples);
  SelfCommunicator self;
  Model model(queue, config, reference.dtype(), self, Model::whole(config));
  ParameterStore& store = model.parameters();
  load_reference_weights(queue, reference, store);
  auto setting = [&](char const* key) {
    return reference.number(std::string("/optimizer/") + key);
  };
  parallel::MeshGroups groups;
  parallel::Trainer trainer(
      queue, model, groups,
      {.step = {.global_batch = samples, .contrast_gradient = ContrastGradient::anchor},
       .parameters = {.optimizer = {.beta1 = setting("betas/0"),
                                    .beta2 = setting("betas/1"),
                                    .epsilon = setting("eps"),
                                    .weight_decay = setting("weight_decay"),
                                    .clip_norm = setting("clip_norm"),
                                    .epsilon_form = EpsilonForm::uncorrected}}});
  Schedule const schedule{setting("lr"), setting("min_lr"), static_cast<Index>(setting("warmup")),
                          static_cast<Index>(setting("max_update"))};

  std::map<std::string, std::vector<double>> got;
  for (Index i = 0; i < steps; ++i) {
    std::vector<MicroBatch> batches;
    batches.push_back(reference_batch(reference, config, fmt::format("inputs/step{}/", i)));
    double const rate = learning_rate_at(schedule, i);
    auto const [figures, update] = trainer.step(batches, rate);
    got["loss"].push_back(total_loss(config, figures.terms));
    for (std::size_t o = 0; o < figures.terms.size(); ++o)
      got[official_term(config.objectives[o], config)].push_back(figures.terms[o]);
    Modality const a = config.objectives[0].student[0], b = config.objectives[0].teacher[0];
    got[official_count(config, a, b)].push_back(figures.correct[0]);
    got[official_count(config, b, a)].push_back(figures.correct[1]);
    got["logit_scale_exp"].push_back(figures.scalars.front());
    got["logit_scale"].push_back(as_doubles(queue, store.value(store.find("logit_scale"))).front());
    got["grad_norm"].push_back(update.grad_norm);
    got["lr"].push_back(rate);
  }
  for (auto const& [name, values] : got) {
    Tolerance tolerance =
        tolerance_of(name == "grad_norm" ? Quantity::trajectory_norm : Quantity::trajectory_loss,
                     reference.dtype());
    if (name.ends_with("ncorrect")) tolerance = {};
    if (name == "lr") tolerance = {.relative = 1e-12};
    reference.compare("outputs/steps/" + name, values, tolerance);
  }
  std::vector<double> rates, recorded = reference.values("outputs/lr_schedule");
  // Past the end the official formula restarts (Q14).
  recorded.resize(std::min(recorded.size(), static_cast<std::size_t>(schedule.steps)));
  for (std::size_t i = 0; i < recorded.size(); ++i)
    rates.push_back(learning_rate_at(schedule, static_cast<Index>(i)));
  reference.compare_values("outputs/lr_schedule", rates, recorded, {.relative = 1e-12});

  Tolerance const tolerance = tolerance_of(Quantity::trajectory_weights, reference.dtype());
  for (TensorKind const kind : trainer.optimizer().kinds()) {
    std::string const group = kind == TensorKind::weight
                                  ? "outputs/final_weights/"
                                  : fmt::format("outputs/final_{}/", kind.name);
    auto const tensors = parallel::gather_logical(
        queue, self, store, trainer.optimizer().pieces(kind, parallel::Copies::primary));
    for (auto const& [name, tensor] : tensors)
      if (reference.file().exists(group + name))
        reference.compare(group + name, tensor.values, tolerance);
  }
}

void verify_dist_model(Queue&, Reference& reference) {
  int ranks = 0;
  while (reference.file().exists(fmt::format("inputs/rank{}/src_tokens", ranks))) ++ranks;
  Index const samples = reference.shape("inputs/rank0/src_tokens")[0];
  ModelConfig const config = reference_model_config(reference, samples);
  Modality const a = config.objectives[0].student[0], b = config.objectives[0].teacher[0];
  std::string const counts[] = {official_count(config, a, b), official_count(config, b, a)};
  std::mutex reading;
  for (ContrastGradient mode : {ContrastGradient::anchor, ContrastGradient::exact}) {
    bool const official = mode == ContrastGradient::anchor;
    std::vector<StepFigures> figures(static_cast<std::size_t>(ranks));
    std::map<std::string, parallel::LogicalTensor> gradients;
    parallel::ThreadGroup(ranks).run([&](parallel::GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      SelfCommunicator self;
      Model model(queue, config, reference.dtype(), self, Model::whole(config));
      std::vector<MicroBatch> batches;
      {
        std::lock_guard const lock(reading);
        load_reference_weights(queue, reference, model.parameters());
        batches.push_back(
            reference_batch(reference, config, fmt::format("inputs/rank{}/", world.rank())));
      }
      for (std::uint64_t& position : batches[0].positions)
        position += static_cast<std::uint64_t>(world.rank() * samples);
      parallel::MeshGroups groups = parallel::make_groups(world, {.data = world.size()});
      parallel::Trainer trainer(
          queue, model, groups,
          {.step = {.global_batch = samples * ranks, .contrast_gradient = mode}});
      figures[static_cast<std::size_t>(world.rank())] = trainer.gradients(batches);
      auto gathered = parallel::gather_logical(
          queue, world, model.parameters(),
          trainer.optimizer().pieces(TensorKind::gradient, parallel::Copies::primary));
      if (world.rank() == 0) gradients = std::move(gathered);
    });

    Tolerance const loss = tolerance_of(Quantity::loss, reference.dtype());
    auto per_rank = [&](auto pick) {
      std::vector<double> values;
      for (StepFigures const& one : figures) values.push_back(pick(one));
      return values;
    };
    auto const total =
        per_rank([&](StepFigures const& one) { return total_loss(config, one.terms) * ranks; });
    if (official) {
      reference.compare("outputs/official/loss", total, loss);
      for (std::size_t o = 0; o < config.objectives.size(); ++o)
        reference.compare("outputs/official/" + official_term(config.objectives[o], config),
                          per_rank([&](StepFigures const& one) { return one.terms[o] * ranks; }),
                          loss);
      for (std::size_t i : {0, 1})
        reference.compare("outputs/official/" + counts[i],
                          per_rank([&](StepFigures const& one) { return one.correct[i]; }), {});
      reference.compare("outputs/official/logit_scale_exp",
                        per_rank([](StepFigures const& one) { return one.scalars.front(); }),
                        tolerance_of(Quantity::model_output, reference.dtype()));
    } else {
      auto mean = [&](std::vector<double> const& values) {
        double sum = 0;
        for (double value : values) sum += value;
        return std::vector<double>{sum / ranks};
      };
      reference.compare("outputs/global/loss", mean(total), loss);
      reference.compare(
          "outputs/global/" + official_term(config.objectives[0], config),
          mean(per_rank([&](StepFigures const& one) { return one.terms[0] * ranks; })), loss);
      for (std::size_t i : {0, 1})
        reference.compare(
            "outputs/global/" + counts[i],
            mean(per_rank([&](StepFigures const& one) { return one.correct[i] * ranks; })), {});
    }
    double norm = 0;
    for (auto const& [name, tensor] : gradients)
      for (double value : tensor.values) norm += value * value;
    Tolerance tolerance = tolerance_of(Quantity::model_gradient, reference.dtype());
    if (reference.dtype() == DType::float32) tolerance.norm_floor = 1e-6 * std::sqrt(norm);
    std::string const group = official ? "grads/param_official/" : "grads/param_global/";
    for (std::string const& name : reference.file().datasets(group))
      reference.compare(group + name, gradients.at(name).values, tolerance);
  }
}

}  // namespace accord::app
