#include "core/model/train_step.hpp"

#include <memory>

#include "core/ops/elementwise.hpp"

namespace accord {

TrainStep::TrainStep(Queue& queue, Model& model, Communicator& data_group,
                     StepOptions const& options)
    : queue_(queue), model_(model), data_group_(data_group), options_(options) {}

StepFigures TrainStep::run(std::vector<MicroBatch> const& micro_batches,
                           Stack::Ready const& ready) {
  DType const statistics = accumulator_of(model_.dtype());
  auto const objectives = static_cast<Index>(model_.config().objectives.size());
  Tensor terms = Tensor::zeros(queue_, statistics, Shape{objectives});
  Tensor correct = Tensor::zeros(queue_, statistics, Shape{2 * objectives});

  std::unique_ptr<MicroStep> single;
  if (micro_batches.size() == 1) {
    single = std::make_unique<MicroStep>(queue_, model_, options_, micro_batches.front(),
                                         MicroStep::Passes::all);
    single->forward();
  }
  Contrast all = gather(micro_batches, single.get());
  contrast(all, terms, correct);

  Index begin = 0;
  for (std::size_t i = 0; i < micro_batches.size(); ++i) {
    MicroBatch const& batch = micro_batches[i];
    std::unique_ptr<MicroStep> step = std::move(single);
    if (!step) {
      step = std::make_unique<MicroStep>(queue_, model_, options_, batch, MicroStep::Passes::all);
      step->forward();
    }
    step->denoise(terms);
    std::vector<ConstView> dz;
    for (Tensor const& gradient : all.dz)
      dz.push_back(gradient ? gradient.view().rows(begin, batch.samples()) : ConstView{});
    bool const last = i + 1 == micro_batches.size();
    step->backward(dz, last ? ready : Stack::Ready{});
    begin += batch.samples();
  }

  auto host = [&](Tensor const& values) {
    if (statistics == DType::float64) return to_host<double>(queue_, values);
    std::vector<float> const floats = to_host<float>(queue_, values);
    return std::vector<double>(floats.begin(), floats.end());
  };
  StepFigures figures;
  figures.terms = host(terms);
  figures.correct = host(correct);
  figures.logit_scale = all.scale;
  return figures;
}

TrainStep::Contrast TrainStep::gather(std::vector<MicroBatch> const& micro_batches,
                                      MicroStep* single) {
  Index samples = 0;
  for (MicroBatch const& batch : micro_batches) samples += batch.samples();
  std::size_t const modalities = model_.config().modalities.size();
  Contrast all{std::vector<Tensor>(modalities), std::vector<Tensor>(modalities)};
  Index const d = model_.config().encoder.embed_dim;
  for (Pass const& pass : model_.passes())
    if (pass.contrasted) {
      auto const m = static_cast<std::size_t>(pass.modalities.front());
      all.z[m] = Tensor(queue_, model_.dtype(), Shape{samples, d});
      all.dz[m] = Tensor::zeros(queue_, accumulator_of(model_.dtype()), Shape{samples, d});
    }
  Index begin = 0;
  for (MicroBatch const& batch : micro_batches) {
    std::unique_ptr<MicroStep> first;
    MicroStep* step = single;
    if (!step) {
      first = std::make_unique<MicroStep>(queue_, model_, options_, batch,
                                          MicroStep::Passes::contrasted);
      step = first.get();
      step->forward();
    }
    for (std::size_t m = 0; m < modalities; ++m)
      if (all.z[m])
        copy(queue_, step->embeddings(static_cast<Modality>(m)),
             all.z[m].view().rows(begin, batch.samples()));
    begin += batch.samples();
  }
  return all;
}

void TrainStep::contrast(Contrast& all, View terms, View correct) {
  ModelConfig const& config = model_.config();
  ParameterStore& store = model_.parameters();
  DType const statistics = accumulator_of(model_.dtype());
  Tensor scale(queue_, statistics, Shape{1});
  Tensor dscale = Tensor::zeros(queue_, statistics, Shape{1});
  logit_scale_forward(queue_, store.value(model_.logit_scale()), scale);
  for (std::size_t o = 0; o < config.objectives.size(); ++o) {
    ObjectiveConfig const& objective = config.objectives[o];
    if (objective.kind != ObjectiveConfig::Kind::contrast) continue;
    auto const a = static_cast<std::size_t>(objective.student.front());
    auto const b = static_cast<std::size_t>(objective.teacher.front());
    // A modality may stand in several contrasts: each one's gradient is added to what is there.
    Tensor da(queue_, statistics, all.z[a].shape()), db(queue_, statistics, all.z[b].shape());
    ContrastResult const result =
        contrast_ring(queue_, data_group_, all.z[a], all.z[b], scale,
                      {options_.contrast_gradient, config.loss.contrast_label_smoothing,
                       objective.weight, config.loss.tile},
                      da, db, dscale);
    add(queue_, da, all.dz[a]);
    add(queue_, db, all.dz[b]);
    add(queue_, result.loss, terms.rows(static_cast<Index>(o), 1));
    add(queue_, result.a2b_correct, correct.rows(static_cast<Index>(2 * o), 1));
    add(queue_, result.b2a_correct, correct.rows(static_cast<Index>(2 * o) + 1, 1));
  }
  if (View dtau = store.gradient(model_.logit_scale()))
    logit_scale_backward(queue_, dscale, scale, dtau);
  all.scale = statistics == DType::float64 ? to_host<double>(queue_, scale).front()
                                           : to_host<float>(queue_, scale).front();
}

double total_loss(ModelConfig const& config, std::vector<double> const& terms) {
  double loss = 0;
  for (std::size_t o = 0; o < config.objectives.size(); ++o)
    loss += config.objectives[o].weight * terms[o];
  return loss;
}

}  // namespace accord
