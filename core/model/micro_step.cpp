#include "core/model/micro_step.hpp"

#include <algorithm>

#include "core/ops/cross_entropy.hpp"
#include "core/ops/rows.hpp"

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
      contrast_pass_[static_cast<std::size_t>(passes[p].modalities.front())] = static_cast<int>(p);
    if (which == Passes::all)
      (passes[p].gradient ? with_gradient : without_gradient).push_back(static_cast<int>(p));
    else if (passes[p].contrasted)
      without_gradient.push_back(static_cast<int>(p));
  }
  DropPath const drop{config.encoder.drop_path, config.encoder.layers, options.seed,
                      options.skip_branches};
  Index const pool =
      options.pad || !config.parity.decoder_key_mask ? config.loss.denoising_pool : 0;
  encoder_ = model.encoder().plan(queue, batch, passes, with_gradient, without_gradient, drop,
                                  options.pad ? pool : 0, chunk);
  for (std::size_t m = 0; m < contrast_.size(); ++m)
    if (contrast_pass_[m] >= 0)
      contrast_[m].rows =
          class_token_rows(queue, half_of(contrast_pass_[m]).plan.pack(), contrast_pass_[m],
                           static_cast<Modality>(m), batch.samples());
  if (which != Passes::all || !chunk_.last) return;
  if (ClassifyHead const* head = model.classify_head()) {
    auto const o = static_cast<std::size_t>(find_classification(config));
    ObjectiveConfig const& objective = config.objectives[o];
    int const pass = find_pass(passes, objective.student, false);
    classify_.emplace(Classify{o, head->plan(queue, encoder_.with_gradient.plan.pack(), pass,
                                             objective.modality, batch.samples())});
  }
  if (!model.decoder()) return;
  decoder_ = model.decoder()->plan(queue, batch, passes, encoder_.with_gradient.plan.pack(), pool);
  for (std::size_t o = 0; o < config.objectives.size(); ++o)
    if (config.objectives[o].kind == ObjectiveConfig::Kind::denoise)
      denoise_.push_back(plan_denoise(o));
}

Encoder::Half const& MicroStep::half_of(int pass) const {
  for (PackedSequence const& sequence : encoder_.with_gradient.plan.pack().sequences)
    if (sequence.pass == pass) return encoder_.with_gradient;
  return encoder_.without_gradient;
}

MicroStep::Denoise MicroStep::plan_denoise(std::size_t o) const {
  ObjectiveConfig const& objective = model_.config().objectives[o];
  std::vector<Pass> const& passes = model_.passes();
  int const student = find_pass(passes, objective.student, true);
  int const teacher = find_pass(passes, objective.teacher, false);
  Modality const m = objective.modality;
  std::vector<Modality> const& members = passes[static_cast<std::size_t>(student)].modalities;
  auto const segment =
      static_cast<std::size_t>(std::find(members.begin(), members.end(), m) - members.begin());
  TokenMask const& mask = batch_.masks[static_cast<std::size_t>(student)][segment];
  Encoder::Half const& teacher_half = half_of(teacher);
  Pack const& decoder_pack = decoder_.plan.pack();

  Denoise result;
  result.objective = o;
  result.student.modality = m;
  result.teacher_has_gradient = &teacher_half == &encoder_.with_gradient;
  std::vector<std::int32_t> rows, teacher_rows;
  std::vector<std::int64_t> targets;
  Index const pool = model_.config().loss.denoising_pool;
  result.plan.global_pools = options_.global_batch / pool;
  for (Index s = 0; s < batch_.samples(); ++s) {
    if (s % pool == 0)
      result.plan.pools.push_back(
          {static_cast<Index>(rows.size()), 0, static_cast<Index>(teacher_rows.size()), 0});
    auto& current = result.plan.pools.back();
    Index const length = batch_.lengths[static_cast<std::size_t>(m)][static_cast<std::size_t>(s)];
    Index const decoder_row = decoder_pack.segment(student, m, s).row;
    Index const teacher_row = teacher_half.plan.pack().segment(teacher, m, s).row;
    std::uint8_t const* masked = mask.masked.data() + mask.offsets[static_cast<std::size_t>(s)];
    for (Index p = 1; p < length; ++p) {  // the class token is neither query nor candidate
      if (masked[p]) {
        rows.push_back(static_cast<std::int32_t>(decoder_row + p));
        targets.push_back(static_cast<Index>(teacher_rows.size()) - current.key_begin);
      }
      teacher_rows.push_back(static_cast<std::int32_t>(teacher_row + p));
    }
    current.queries = static_cast<Index>(rows.size()) - current.query_begin;
    current.keys = static_cast<Index>(teacher_rows.size()) - current.key_begin;
  }
  result.student.rows = Tensor::from_host(queue_, rows);
  result.teacher_rows = Tensor::from_host(queue_, teacher_rows);
  result.plan.targets = Tensor::from_host(queue_, targets);
  return result;
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
      model_.projection(static_cast<Modality>(m))
          .forward(queue_, half_of(contrast_pass_[m]).features, contrast_[m]);
  return {};
}

void MicroStep::denoise(View losses) {
  Encoder::Half& half = encoder_.with_gradient;
  dfeatures_ = Tensor::zeros(queue_, model_.dtype(), half.features.shape());
  if (!model_.decoder() || denoise_.empty()) return;
  Decoder const& decoder = *model_.decoder();
  LossConfig const& loss = model_.config().loss;
  decoder.forward(queue_, half.features, decoder_, options_.recompute);
  for (Denoise& term : denoise_) {
    Tensor const prediction = decoder.predict(queue_, decoder_, term.student);
    Encoder::Half const& teacher_half =
        term.teacher_has_gradient ? encoder_.with_gradient : encoder_.without_gradient;
    Tensor teacher(queue_, model_.dtype(),
                   Shape{term.teacher_rows.size(), teacher_half.features.shape()[1]});
    gather_rows(queue_, teacher_half.features, term.teacher_rows, teacher);
    Tensor dprediction(queue_, model_.dtype(), prediction.shape());
    accord::denoise(queue_, prediction, teacher, term.plan,
                    {loss.dcl_scale, loss.label_smoothing, loss.tile},
                    model_.config().objectives[term.objective].weight,
                    losses.rows(static_cast<Index>(term.objective), 1), dprediction);
    decoder.predict_backward(queue_, dprediction, decoder_, term.student);
  }
  decoder.backward(queue_, half.features, decoder_, options_.recompute, dfeatures_);
}

void MicroStep::classify(View losses, View correct) {
  if (!classify_) return;
  ModelConfig const& config = model_.config();
  ObjectiveConfig const& objective = config.objectives[classify_->objective];
  ClassifyHead const& head = *model_.classify_head();
  Tensor const logits = head.forward(queue_, encoder_.with_gradient.features, classify_->head);
  Tensor dlogits(queue_, logits.dtype(), logits.shape());
  auto const o = static_cast<Index>(classify_->objective);
  double const share = 1.0 / static_cast<double>(options_.global_batch);
  if (batch_.multi_hot.empty()) {
    Tensor const labels = Tensor::from_host(queue_, batch_.labels);
    cross_entropy(queue_, logits, labels, config.loss.classify_label_smoothing, share,
                  objective.weight, losses.rows(o, 1), correct.rows(2 * o, 1), dlogits);
  } else {
    Tensor const targets =
        Tensor::from_host(queue_, std::span<std::uint8_t const>(batch_.multi_hot), logits.shape());
    binary_cross_entropy(queue_, logits, targets, share, objective.weight, losses.rows(o, 1),
                         correct.rows(2 * o, 1), dlogits);
  }
  head.backward(queue_, dlogits, classify_->head, dfeatures_);
}

Tensor MicroStep::losses_backward(std::vector<ConstView> const& dz) {
  for (std::size_t m = 0; m < contrast_.size(); ++m)
    if (contrast_pass_[m] >= 0 && dz[m])
      model_.projection(static_cast<Modality>(m)).backward(queue_, dz[m], contrast_[m], dfeatures_);
  Tensor dx = model_.encoder().finish_backward(queue_, dfeatures_, encoder_);
  dfeatures_ = {};
  encoder_.with_gradient.features = {};
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
