#include "core/model/evaluation_step.hpp"

namespace accord {

EvaluationStep::EvaluationStep(Queue& queue, Model const& model, MicroBatch const& batch,
                               Pass const& pass, int chunk)
    : queue_(queue),
      model_(model),
      batch_(batch),
      chunk_(model.chunks()[static_cast<std::size_t>(chunk)]),
      encoder_(model.encoder().plan(queue, batch, {pass}, {}, {0}, {}, 0, chunk)) {}

Shape EvaluationStep::input_shape() const { return model_.encoder().message_shape(encoder_); }

Tensor EvaluationStep::forward(Tensor input) {
  return model_.encoder().forward(queue_, batch_, chunk_, std::move(input), Recompute::none,
                                  encoder_);
}

Tensor EvaluationStep::embeddings(Modality modality) const {
  Encoder::Half const& half = encoder_.without_gradient;
  Projection::Saved saved;
  saved.rows = class_token_rows(queue_, half.plan.pack(), 0, modality, batch_.samples());
  model_.projection(modality).forward(queue_, half.features, saved);
  return std::move(saved.z);
}

Tensor EvaluationStep::logits() const {
  MicroBatchObjective const* objective = model_.labelled_objective();
  ACCORD_CHECK(objective, "the model has no head that answers");
  Encoder::Half const& half = encoder_.without_gradient;
  return objective->answers(queue_, half.plan.pack(), half.features, batch_.samples());
}

}  // namespace accord
