#include "core/model/micro_step.hpp"

namespace accord {

MicroStep::MicroStep(Queue& queue, Model const& model, StepOptions const& options,
                     MicroBatch const& batch, Passes which, int chunk)
    : queue_(queue),
      model_(model),
      options_(options),
      batch_(batch),
      chunk_(model.chunks()[static_cast<std::size_t>(chunk)]) {
  std::vector<Pass> const& passes = model.passes();
  ModelConfig const& config = model.config();
  contrast_.resize(config.modalities.size());
  contrast_pass_.assign(config.modalities.size(), -1);
  std::vector<int> with_gradient, without_gradient;
  for (std::size_t p = 0; p < passes.size(); ++p) {
    if (chunk_.last && passes[p].contrasted)
      contrast_pass_[passes[p].modalities.front().index()] = static_cast<int>(p);
    if (which == Passes::all)
      (passes[p].gradient ? with_gradient : without_gradient).push_back(static_cast<int>(p));
    else if (passes[p].contrasted)
      without_gradient.push_back(static_cast<int>(p));
  }
  DropPath const drop{config.encoder.drop_path, config.encoder.layers, options.seed,
                      options.skip_branches};
  encoder_ = model.encoder().plan(queue, batch, passes, with_gradient, without_gradient, drop,
                                  options.pad ? config.loss.denoising_pool : 0, chunk);
  for (std::size_t m = 0; m < contrast_.size(); ++m)
    if (contrast_pass_[m] >= 0)
      contrast_[m].rows = class_token_rows(queue, encoder_.half_of(contrast_pass_[m]).plan.pack(),
                                           contrast_pass_[m], Modality(m), batch.samples());
  if (which != Passes::all || !chunk_.last) return;
  for (auto const& of_kind : model.micro_batch_objectives())
    objectives_.push_back(of_kind.objective->plan(queue, loss_input()));
}

Shape MicroStep::input_shape() const { return model_.encoder().message_shape(encoder_); }

Shape MicroStep::output_gradient_shape() const {
  return {encoder_.with_gradient.plan.own_rows(), model_.config().encoder.embed_dim};
}

Tensor MicroStep::forward(Tensor input) {
  Tensor output = model_.encoder().forward(queue_, batch_, chunk_, std::move(input),
                                           options_.recompute, encoder_);
  if (!chunk_.last) return output;
  for (std::size_t m = 0; m < contrast_.size(); ++m)
    if (contrast_pass_[m] >= 0)
      model_.projection(Modality(m))
          .forward(queue_, encoder_.half_of(contrast_pass_[m]).features, contrast_[m]);
  return {};
}

Tensor MicroStep::losses(StepSums const& sums, std::vector<ConstView> const& dz) {
  Encoder::Half& half = encoder_.with_gradient;
  Tensor dfeatures = Tensor::zeros(queue_, model_.dtype(), half.features.shape());
  for (std::size_t k = 0; k < objectives_.size(); ++k)
    model_.micro_batch_objectives()[k].objective->run(queue_, loss_input(), *objectives_[k], sums,
                                                      dfeatures);
  for (std::size_t m = 0; m < contrast_.size(); ++m)
    if (contrast_pass_[m] >= 0 && dz[m])
      model_.projection(Modality(m)).backward(queue_, dz[m], contrast_[m], dfeatures);
  Tensor dx = model_.encoder().finish_backward(queue_, dfeatures, encoder_);
  half.features = {};
  return dx;
}

Tensor MicroStep::backward(Tensor doutput, Stack::Ready const& ready) {
  Encoder const& encoder = model_.encoder();
  Tensor dx =
      encoder.layers_backward(queue_, std::move(doutput), encoder_, options_.recompute, ready);
  if (!chunk_.first) return dx;
  encoder.embed_backward(queue_, std::move(dx), encoder_);
  return {};
}

double total_loss(ModelConfig const& config, std::vector<double> const& terms) {
  double loss = 0;
  for (std::size_t o = 0; o < config.objectives.size(); ++o)
    loss += config.objectives[o].weight * terms[o];
  return loss;
}

}  // namespace accord
