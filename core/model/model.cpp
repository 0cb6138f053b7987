#include "core/model/model.hpp"

#include <algorithm>
#include <cmath>

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
    if (denoises(config_)) decoder_.emplace(scope, config_, dtype, TensorParallelRegion(alone_));
    if (embeds(config_)) {
      for (ModalityConfig const& modality : config_.modalities)
        projections_.emplace_back(scope, modality.name, config_.encoder.embed_dim);
      logit_scale_ = scope.of(ParameterPart::Kind::temperature)
                         .add({.name = official::logit_scale,
                               .shape = {},
                               .init = constant_init(std::log(1 / 0.07)),
                               .bounds = {0, std::log(100.0)}});  // quirk Q13
    }
    if (int const o = find_classification(config_); o >= 0) {
      ObjectiveConfig const& objective = config_.objectives[static_cast<std::size_t>(o)];
      classify_head_.emplace((scope / official::classify_head).of(ParameterPart::Kind::class_head),
                             config_.encoder.embed_dim, config_.encoder.heads, objective.pooling,
                             objective.classes);
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

bool embeds(ModelConfig const& config) {
  return find_classification(config) < 0 ||
         std::any_of(
             config.objectives.begin(), config.objectives.end(),
             [](ObjectiveConfig const& o) { return o.kind == ObjectiveConfig::Kind::contrast; });
}

Tensor class_token_rows(Queue& queue, Pack const& pack, int pass, Modality modality,
                        Index samples) {
  std::vector<std::int32_t> rows;
  for (Index s = 0; s < samples; ++s)
    rows.push_back(static_cast<std::int32_t>(pack.segment(pass, modality, s).row));
  return Tensor::from_host(queue, rows);
}

}  // namespace accord
