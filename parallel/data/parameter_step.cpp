#include "parallel/data/parameter_step.hpp"

#include <utility>

namespace accord::parallel {

ParameterStep::ParameterStep(Queue& queue, ParameterStore& store, MeshGroups& groups,
                             ParameterStepOptions options)
    : queue_(queue),
      store_(store),
      ownership_(queue, store, groups, options.bucket_bytes),
      reducer_(store, groups, ownership_, options.sequence_parallel),
      optimizer_(queue, store, groups, ownership_, std::move(options.optimizer), options.zero) {}

void ParameterStep::gradients(std::function<void(Ready const&)> const& compute) {
  store_.zero_gradients(queue_);
  compute([this](Index flat_begin) { reducer_.ready(queue_, flat_begin); });
  reducer_.finish(queue_);
}

StepResult ParameterStep::update(double learning_rate) {
  return optimizer_.step(queue_, reducer_, learning_rate);
}

}  // namespace accord::parallel
