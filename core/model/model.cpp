#include "core/model/model.hpp"

#include "core/model/parameter_names.hpp"

namespace accord {

Model::Model(Queue& queue, ModelConfig const& config, DType dtype, Communicator& tensor_group,
             std::vector<LayerChunk> chunks, bool sequence_parallel)
    : Model(queue, config, dtype, tensor_group, std::move(chunks), sequence_parallel,
            Build::allocated) {}

Model::Model(Queue& queue, ModelConfig const& config, DType dtype, Communicator& tensor_group,
             std::vector<LayerChunk> chunks, bool sequence_parallel, Build build)
    : config_(config),
      chunks_(std::move(chunks)),
      passes_(resolve_passes(config)),
      dtype_(dtype),
      rules_{config.frozen, config.no_decay},
      store_(tensor_group.rank(), tensor_group.size()) {
  TensorParallelRegion const region(tensor_group, sequence_parallel);
  ParameterScope const scope = ParameterScope(store_, rules_).at_depth(config_.encoder.layers + 1);
  encoder_.emplace(queue, scope / official::encoder, config_, dtype, region, chunks_);
  if (chunks_.back().last) {
    if (has_objective(config_, &ObjectiveFamily::decodes))
      decoder_.emplace(scope, config_, dtype, TensorParallelRegion(alone_));
    if (embeds(config_))
      for (ModalityConfig const& modality : config_.modalities)
        projections_.emplace_back(scope, modality.name, config_.encoder.embed_dim);
    for (ObjectiveFamily const* family : objective_families()) {
      if (!holds(config_, *family)) continue;
      ObjectiveContext const context{scope, config_, passes_, terms_of(config_, *family),
                                     decoder()};
      if (family->make) micro_batch_objectives_.push_back({family, family->make(context)});
      if (family->make_over_batch)
        batch_objectives_.push_back({family, family->make_over_batch(context)});
    }
  }
  if (build == Build::allocated) store_.allocate(queue, dtype);
}

std::vector<ParameterSpec> Model::describe(ModelConfig const& config) {
  Queue queue(Backend::reference);
  SelfCommunicator alone;
  Model const model(queue, config, DType::float32, alone, whole(config), false, Build::named);
  std::vector<ParameterSpec> specs;
  for (int id = 0; id < model.store_.count(); ++id) specs.push_back(model.store_.spec(id));
  return specs;
}

void Model::initialise(Queue& queue, InitMode mode, std::uint32_t seed) {
  accord::initialise(queue, store_, mode, seed);
  encoder_->fix_initial_values(queue);
}

MicroBatchObjective const* Model::labelled_objective() const {
  for (auto const& [family, objective] : micro_batch_objectives_)
    if (family->labelled) return objective.get();
  return nullptr;
}

Tensor class_token_rows(Queue& queue, Pack const& pack, int pass, Modality modality,
                        Index samples) {
  std::vector<std::int32_t> rows;
  for (Index s = 0; s < samples; ++s)
    rows.push_back(static_cast<std::int32_t>(pack.segment(pass, modality, s).row));
  return Tensor::from_host(queue, rows);
}

}  // namespace accord
