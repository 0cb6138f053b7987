#include "core/model/batch_contrast.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/elementwise.hpp"

namespace accord {

BatchContrast::BatchContrast(Queue& queue, Model& model, StepOptions const& options, Index samples)
    : queue_(queue),
      model_(model),
      gradient_(options.contrast_gradient),
      compare_passes_(options.compare_passes),
      z_(model.config().modalities.size()),
      dz_(model.config().modalities.size()) {
  if (model.logit_scale() >= 0) scale_ = Tensor(queue, accumulator_of(model.dtype()), Shape{1});
  Shape const shape{samples, model.config().encoder.embed_dim};
  for (Pass const& pass : model.passes())
    if (pass.contrasted) {
      auto const m = static_cast<std::size_t>(pass.modalities.front());
      z_[m] = Tensor(queue, model.dtype(), shape);
      if (pass.gradient) dz_[m] = Tensor::zeros(queue, accumulator_of(model.dtype()), shape);
    }
}

void BatchContrast::keep(MicroStep const& step, Index begin, Index count) {
  for (std::size_t m = 0; m < z_.size(); ++m)
    if (z_[m])
      copy(queue_, step.embeddings(static_cast<Modality>(m)), z_[m].view().rows(begin, count));
}

void BatchContrast::expect_kept(MicroStep const& step, Index begin, Index count,
                                int micro_batch) const {
  if (model_.dtype() != DType::float64) return;
  for (std::size_t m = 0; m < z_.size(); ++m) {
    if (!z_[m]) continue;
    auto const kept = to_host<double>(queue_, z_[m].view().rows(begin, count));
    auto const again = to_host<double>(queue_, step.embeddings(static_cast<Modality>(m)));
    double largest = 0;
    for (std::size_t i = 0; i < kept.size(); ++i)
      largest = std::max(largest, std::abs(kept[i] - again[i]));
    if (!(largest <= 1e-13))
      throw Error(fmt::format(
          "the two passes over micro-batch {} give {} embeddings that differ by {:.1e}: the "
          "contrast's gradients do not belong to what is differentiated",
          micro_batch, model_.config().modalities[m].name, largest));
  }
}

void BatchContrast::run(Communicator& data_group, View terms, View correct) {
  if (model_.logit_scale() < 0) return;  // nothing is contrasted
  ModelConfig const& config = model_.config();
  ParameterStore& store = model_.parameters();
  DType const statistics = accumulator_of(model_.dtype());
  Tensor dscale = Tensor::zeros(queue_, statistics, Shape{1});
  logit_scale_forward(queue_, store.value(model_.logit_scale()), scale_);
  for (std::size_t o = 0; o < config.objectives.size(); ++o) {
    ObjectiveConfig const& objective = config.objectives[o];
    if (objective.kind != ObjectiveConfig::Kind::contrast) continue;
    auto const a = static_cast<std::size_t>(objective.student.front());
    auto const b = static_cast<std::size_t>(objective.teacher.front());
    // A modality may stand in several contrasts: each one's gradient is added to what is there. One
    // that does not train has none.
    auto const gradient_of = [&](std::size_t m) {
      return dz_[m] ? Tensor(queue_, statistics, z_[m].shape()) : Tensor();
    };
    Tensor da = gradient_of(a), db = gradient_of(b);
    ContrastResult const result = contrast_ring(
        queue_, data_group, z_[a], z_[b], scale_,
        {gradient_, config.loss.contrast_label_smoothing, objective.weight, config.loss.tile}, da,
        db, dscale);
    if (da) add(queue_, da, dz_[a]);
    if (db) add(queue_, db, dz_[b]);
    add(queue_, result.loss, terms.rows(static_cast<Index>(o), 1));
    add(queue_, result.a2b_correct, correct.rows(static_cast<Index>(2 * o), 1));
    add(queue_, result.b2a_correct, correct.rows(static_cast<Index>(2 * o) + 1, 1));
  }
  if (View dtau = store.gradient(model_.logit_scale()))
    logit_scale_backward(queue_, dscale, scale_, dtau);
  if (!compare_passes_)
    for (Tensor& z : z_) z = {};
}

double BatchContrast::scale() const {
  if (!scale_) return 0;
  return scale_.dtype() == DType::float64 ? to_host<double>(queue_, scale_).front()
                                          : to_host<float>(queue_, scale_).front();
}

std::vector<ConstView> BatchContrast::gradients(Index begin, Index count) const {
  std::vector<ConstView> dz;
  for (Tensor const& gradient : dz_)
    dz.push_back(gradient ? gradient.view().rows(begin, count) : ConstView{});
  return dz;
}

}  // namespace accord
