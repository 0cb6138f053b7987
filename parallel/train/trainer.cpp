#include "parallel/train/trainer.hpp"

#include <utility>

namespace accord::parallel {

Trainer::Trainer(Queue& queue, Model& model, MeshGroups& groups, TrainerOptions options)
    : queue_(queue),
      groups_(groups),
      step_(queue, model, groups, options.step, options.schedule),
      parameters_(queue, model.parameters(), groups, std::move(options.parameters)) {}

TrainerStep Trainer::step(std::vector<MicroBatch> const& micro_batches, double learning_rate) {
  Memory::Owner const owner(queue_.memory(), "activations");
  TrainerStep result;
  result.figures = gradients(micro_batches);
  add_over_replicas(queue_, groups_, result.figures);
  result.update = parameters_.update(learning_rate);
  return result;
}

StepFigures Trainer::gradients(std::vector<MicroBatch> const& micro_batches) {
  Memory::Owner const owner(queue_.memory(), "activations");
  StepFigures figures;
  parameters_.gradients(
      [&](ParameterStep::Ready const& ready) { figures = step_.run(micro_batches, ready); });
  return figures;
}

}  // namespace accord::parallel
