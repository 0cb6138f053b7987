#include "core/model/encoder.hpp"

#include "core/base/trace.hpp"
#include "core/model/parameter_names.hpp"

namespace accord {
namespace {

std::vector<RowPlacement> placements(Pack const& pack, std::size_t modalities) {
  std::vector<RowPlacement> result(modalities);
  for (RowGroup const& group : pack.groups) {
    RowPlacement& placement = result[group.modality.index()];
    for (Index row = group.row; row < group.row + group.length; ++row) {
      auto const i = static_cast<std::size_t>(row);
      if (!pack.real[i]) continue;
      placement.rows.push_back(static_cast<std::int32_t>(row));
      placement.samples.push_back(pack.samples[i]);
      placement.positions.push_back(pack.positions[i]);
    }
  }
  return result;
}

}  // namespace

std::vector<std::string> modality_names(ModelConfig const& config) {
  std::vector<std::string> names;
  for (ModalityConfig const& modality : config.modalities) names.push_back(modality.name);
  return names;
}

std::vector<LayerNorm> add_modality_norms(ParameterScope const& fusion_model,
                                          std::vector<std::string> const& modalities, Index width) {
  std::vector<LayerNorm> norms;
  for (std::string const& name : modalities)
    norms.push_back(
        add_layer_norm((fusion_model / official::output_norm(name)).of_modality(name), width));
  return norms;
}

Encoder::Encoder(Queue& queue, ParameterScope const& scope, ModelConfig const& config, DType dtype,
                 TensorParallelRegion region, std::vector<LayerChunk> const& chunks)
    : dtype_(dtype),
      config_(config.encoder),
      per_layer_bias_(config.layer_position_bias),
      region_(region) {
  // In the order of the forward pass, which is the order of flat storage.
  auto const adapter_scope = [&](ModalityConfig const& modality) {
    return (scope / official::adapter(modality.name)).of_modality(modality.name).at_depth(0);
  };
  if (chunks.front().first)
    for (ModalityConfig const& modality : config.modalities)
      adapters_.push_back(adapter_family(modality.adapter)
                              .make({queue, adapter_scope(modality), config_.embed_dim, dtype,
                                     config.parity.audio_pad_zero ? 0 : config.loss.denoising_pool},
                                    modality));
  std::vector<Index> tables{0};
  if (per_layer_bias_) {
    tables.clear();
    for (LayerChunk const& chunk : chunks)
      for (Index layer = chunk.layer_begin; layer < chunk.layer_end; ++layer)
        tables.push_back(layer);
  }
  for (ModalityConfig const& modality : config.modalities)
    bias_tables_.emplace_back(queue, adapter_scope(modality), modality, config_.heads, tables);
  for (LayerChunk const& chunk : chunks)
    stacks_.emplace_back((scope / official::fusion_model).at_depth(1), config_,
                         modality_names(config), region, chunk.layer_begin, chunk.layer_end);
  if (chunks.back().last)
    norms_ = add_modality_norms(scope / official::fusion_model, modality_names(config),
                                config_.embed_dim);
}

std::vector<PositionBias> Encoder::position_biases(Index layer) const {
  std::vector<PositionBias> biases;
  for (BiasTable const& table : bias_tables_)
    biases.push_back(table.bias(per_layer_bias_ ? layer : 0));
  return biases;
}

Encoder::Half const& Encoder::State::half_of(int pass) const {
  for (PackedSequence const& sequence : with_gradient.plan.pack().sequences)
    if (sequence.pass == pass) return with_gradient;
  return without_gradient;
}

Encoder::State Encoder::plan(Queue& queue, MicroBatch const& batch, std::vector<Pass> const& passes,
                             std::vector<int> const& with_gradient,
                             std::vector<int> const& without_gradient, DropPath const& drop,
                             Index pad_pool, int chunk) const {
  PackPlan::Options const options{.dtype = dtype_,
                                  .position_bias = true,
                                  .mask_pads = true,
                                  .drop = drop,
                                  .layer_begin = stack(chunk).layer_begin(),
                                  .layer_end = stack(chunk).layer_end()};
  State state;
  state.chunk = chunk;
  auto fill = [&](Half& half, std::vector<int> const& selected) {
    half.plan = PackPlan(queue, build_pack(batch, passes, selected, {.pad_pool = pad_pool}), batch,
                         region_, options);
    if (!adapters_.empty()) half.placement = placements(half.plan.pack(), adapters_.size());
  };
  fill(state.with_gradient, with_gradient);
  fill(state.without_gradient, without_gradient);
  return state;
}

Tensor Encoder::forward(Queue& queue, MicroBatch const& batch, LayerChunk const& chunk,
                        Tensor input, Recompute recompute, State& state) const {
  if (chunk.first)
    embed(queue, batch, state);
  else
    receive(queue, input, state);
  run_layers(queue, state, recompute);
  if (!chunk.last) return send(queue, state);
  finish(queue, state);
  return {};
}

Shape Encoder::message_shape(State const& state) const {
  return {state.with_gradient.plan.own_rows() + state.without_gradient.plan.own_rows(),
          config_.embed_dim};
}

void Encoder::embed(Queue& queue, MicroBatch const& batch, State& state) const {
  TraceSpan const span(queue, Activity::compute, "embed");
  state.items.resize(adapters_.size());
  Half* const halves[] = {&state.with_gradient, &state.without_gradient};
  for (Half* half : halves)
    half->x = Tensor::zeros(queue, dtype_, Shape{half->plan.pack().rows, config_.embed_dim});
  for (std::size_t m = 0; m < adapters_.size(); ++m) {
    if (state.with_gradient.placement[m].rows.empty() &&
        state.without_gradient.placement[m].rows.empty())
      continue;
    state.items[m] = adapters_[m]->prepare(queue, batch.inputs[m]);
    for (Half* half : halves)
      if (!half->placement[m].rows.empty())
        adapters_[m]->place(queue, *state.items[m], half->placement[m], half->x);
  }
  for (Half* half : halves)
    half->x = region_.take_own(queue, std::move(half->x), half->plan.shares());
}

void Encoder::run_layers(Queue& queue, State& state, Recompute recompute) const {
  TraceSpan const span(queue, Activity::compute, "layers");
  Stack const& layers = stack(state.chunk);
  auto const biases = [this](Index layer) { return position_biases(layer); };
  Half& plain = state.without_gradient;
  Half& kept = state.with_gradient;
  if (plain.plan.pack().rows > 0)
    plain.x = layers.forward(queue, plain.plan, biases, std::move(plain.x), recompute, nullptr);
  if (kept.plan.pack().rows > 0)
    kept.x = layers.forward(queue, kept.plan, biases, std::move(kept.x), recompute, &kept.stack);
}

void Encoder::receive(Queue& queue, ConstView message, State& state) const {
  Index at = 0;
  for (Half* half : {&state.with_gradient, &state.without_gradient}) {
    half->x = Tensor(queue, dtype_, Shape{half->plan.own_rows(), config_.embed_dim});
    copy(queue, message.rows(at, half->x.rows()), half->x);
    at += half->x.rows();
  }
}

Tensor Encoder::send(Queue& queue, State& state) const {
  Tensor message(queue, dtype_, message_shape(state));
  Index at = 0;
  for (Half* half : {&state.with_gradient, &state.without_gradient}) {
    copy(queue, half->x, message.view().rows(at, half->x.rows()));
    at += half->x.rows();
    half->x = {};
  }
  return message;
}

void Encoder::finish(Queue& queue, State& state) const {
  for (Half* half : {&state.with_gradient, &state.without_gradient}) {
    half->normed_x = region_.unite(queue, std::move(half->x), half->plan.shares());
    half->features = Tensor(queue, dtype_, half->normed_x.shape());
    half->norms.resize(norms_.size());
    for (RowGroup const& group : half->plan.pack().groups) {
      auto const m = group.modality.index();
      norms_[m].forward(queue, half->normed_x.view().rows(group.row, group.length), {},
                        half->features.view().rows(group.row, group.length), half->norms[m]);
    }
  }
  state.without_gradient.normed_x = {};
}

Tensor Encoder::finish_backward(Queue& queue, ConstView dfeatures, State& state) const {
  Half& half = state.with_gradient;
  Tensor dx(queue, dtype_, half.normed_x.shape());
  for (RowGroup const& group : half.plan.pack().groups) {
    auto const m = group.modality.index();
    norms_[m].backward(queue, dfeatures.rows(group.row, group.length),
                       half.normed_x.view().rows(group.row, group.length), {}, half.norms[m],
                       Write::overwrite, dx.view().rows(group.row, group.length));
  }
  half.normed_x = {};
  return region_.take_own(queue, std::move(dx), half.plan.shares());
}

Tensor Encoder::layers_backward(Queue& queue, Tensor dx, State& state, Recompute recompute,
                                Stack::Ready const& ready) const {
  TraceSpan const span(queue, Activity::compute, "layers backward");
  Half& half = state.with_gradient;
  return stack(state.chunk)
      .backward(
          queue, half.plan, [this](Index layer) { return position_biases(layer); }, std::move(dx),
          recompute, half.stack, ready);
}

void Encoder::embed_backward(Queue& queue, Tensor own_dx, State& state) const {
  TraceSpan const span(queue, Activity::compute, "embed backward");
  Tensor const dx = region_.unite(queue, std::move(own_dx), state.with_gradient.plan.shares());
  for (std::size_t m = 0; m < adapters_.size(); ++m) {
    RowPlacement const& placement = state.with_gradient.placement[m];
    if (placement.rows.empty()) continue;
    adapters_[m]->backward(queue, *state.items[m], placement, dx);
    adapters_[m]->finish_backward(queue, *state.items[m]);
  }
}

void Encoder::fix_initial_values(Queue& queue) const {
  for (auto const& adapter : adapters_) adapter->fix_initial_values(queue);
}

}  // namespace accord
