#pragma once
// Layers narrow enough for finite differences in every parameter, and rows of text, of pictures and
// of both for them, with position bias.

#include <memory>

#include "core/model/modality/bias_table.hpp"
#include "core/model/stack/stack.hpp"
#include "tests/support/module_gradcheck.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord::testing {

inline StackConfig small_stack_config() {
  return {.embed_dim = 4,
          .layers = 3,
          .heads = 2,
          .ffn_dim = 6,
          .layer_scale_init = 1e-6,
          .drop_path = 0.4};
}

/// Two samples as text, as picture and as both, in layers [0, 3).
inline PackPlan small_plan(Queue& queue, TensorParallelRegion const& region, double drop_path,
                           std::vector<int> const& passes = {0, 1, 2}) {
  ModelConfig const config = tiny_model_config();
  MicroBatch const batch = tiny_batch(config, 0, 2);
  return {queue,
          build_pack(batch, resolve_passes(config), passes, {}),
          batch,
          region,
          {.dtype = DType::float64,
           .drop = {drop_path, 3, /*seed=*/3, true},
           .layer_begin = 0,
           .layer_end = 3}};
}
inline Shape small_plan_shape(std::vector<int> const& passes = {0, 1, 2}) {
  Queue queue(Backend::reference);
  SelfCommunicator self;
  return {small_plan(queue, TensorParallelRegion(self), 0, passes).pack().rows,
          small_stack_config().embed_dim};
}

/// A table per modality and layer, in the module's own scope.
class SmallBiases {
 public:
  SmallBiases(Queue& queue, ParameterScope const& scope) {
    ModelConfig const config = tiny_model_config();
    for (ModalityConfig const& modality : config.modalities)
      tables_.emplace_back(queue, scope / (modality.name + "_adapter"), modality,
                           small_stack_config().heads, std::vector<Index>{0, 1, 2});
  }
  std::vector<PositionBias> of(Index layer) const {
    std::vector<PositionBias> biases;
    for (BiasTable const& table : tables_) biases.push_back(table.bias(layer));
    return biases;
  }

 private:
  std::vector<BiasTable> tables_;
};

}  // namespace accord::testing
