#include "core/model/model.hpp"

#include <algorithm>
#include <cmath>

namespace accord {

Model::Model(Queue& queue, ModelConfig const& config, DType dtype, Communicator& tensor_group,
             std::vector<LayerChunk> chunks, bool sequence_parallel)
    : config_(config),
      chunks_(std::move(chunks)),
      passes_(resolve_passes(config)),
      dtype_(dtype),
      rules_{config.frozen, config.no_decay},
      store_(tensor_group.rank(), tensor_group.size()) {
  TensorParallelRegion const region(tensor_group, sequence_parallel);
  ParameterScope const scope(store_, rules_);
  encoder_.emplace(queue, scope / "encoder_wrapper", config_, dtype, region, chunks_);
  if (chunks_.back().last) {
    if (config_.decoder.layers > 0)
      decoder_.emplace(scope, config_, dtype, TensorParallelRegion(alone_));
    for (ModalityConfig const& modality : config_.modalities)
      projections_.emplace_back(scope, modality.name, config_.encoder.embed_dim);
    logit_scale_ = scope.add({"logit_scale", {}, constant_init(std::log(1 / 0.07))});
  }
  store_.allocate(queue, dtype);
}

void Model::initialise(Queue& queue, InitMode mode, std::uint32_t seed) {
  accord::initialise(queue, store_, mode, seed);
  encoder_->fix_initial_values(queue);
}

Tensor Model::embed(Queue& queue, MicroBatch const& batch, Modality modality) const {
  std::vector<Pass> const passes{{.modalities = {modality}}};
  Encoder::State state = encoder_->plan(queue, batch, passes, {}, {0}, {}, 0);
  encoder_->embed(queue, batch, state);
  encoder_->run_layers(queue, state, Recompute::none);
  encoder_->finish(queue, state);
  Projection::Saved saved;
  Encoder::Half const& half = state.without_gradient;
  saved.rows = class_token_rows(queue, half.plan.pack(), 0, modality, batch.samples());
  projection(modality).forward(queue, half.features, saved);
  return std::move(saved.z);
}

Tensor class_token_rows(Queue& queue, Pack const& pack, int pass, Modality modality,
                        Index samples) {
  std::vector<std::int32_t> rows;
  for (Index s = 0; s < samples; ++s)
    rows.push_back(static_cast<std::int32_t>(pack.segment(pass, modality, s).row));
  return Tensor::from_host(queue, rows);
}

}  // namespace accord
