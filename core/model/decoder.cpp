#include "core/model/decoder.hpp"

#include <algorithm>

#include "core/base/trace.hpp"
#include "core/model/encoder.hpp"
#include "core/model/parameter_names.hpp"
#include "core/ops/rows.hpp"

namespace accord {

Decoder::Decoder(ParameterScope const& scope, ModelConfig const& config, DType dtype,
                 TensorParallelRegion region)
    : dtype_(dtype),
      width_(config.decoder.embed_dim),
      layers_(config.decoder.layers),
      mask_keys_(config.parity.decoder_key_mask),
      region_(region),
      store_(&scope.store()),
      parts_([&] {
        std::vector<ModalityParts> parts;
        for (ModalityConfig const& m : config.modalities) {
          Index const d = config.encoder.embed_dim, dd = config.decoder.embed_dim;
          ParameterScope const own = scope.of_modality(m.name);
          ParameterScope const adapter = own / official::decoder / official::adapter(m.name);
          PositionTable const table = adapter_family(m.adapter).decoder_positions(m);
          adapter.add({.name = "cls_embedding",
                       .shape = {1, 1, dd},
                       .init = embedding_init(),
                       .used = false});
          if (table.mask_embedding)
            adapter.add({.name = "mask_embedding",
                         .shape = {1, dd},
                         .init = embedding_init(),
                         .used = false});
          int const positions = adapter.of(ParameterPart::Kind::position_table)
                                    .add({table.name, {table.rows, dd}, embedding_init()});
          int const mask_token = own.add({official::mask_token(m.name), {1, dd}, embedding_init()});
          parts.push_back({add_linear(own / official::decoder_embed(m.name), d, dd),
                           add_linear(own / official::mask_head(m.name), dd, d), mask_token,
                           positions});
        }
        return parts;
      }()),
      stack_(scope / official::decoder / official::fusion_model, config.decoder,
             modality_names(config), region, 0, config.decoder.layers),
      norms_(add_modality_norms(scope / official::decoder / official::fusion_model,
                                modality_names(config), config.decoder.embed_dim)) {}

Decoder::State Decoder::plan(Queue& queue, MicroBatch const& batch, std::vector<Pass> const& passes,
                             Pack const& encoder_pack, Index pad_pool) const {
  std::vector<int> masked;
  for (std::size_t p = 0; p < passes.size(); ++p)
    if (passes[p].masked) masked.push_back(static_cast<int>(p));

  State state;
  // The official decoder attends to padded slots (quirk Q4): reproducing it needs the pads.
  Index const pool = mask_keys_ ? 0 : pad_pool;
  state.plan = PackPlan(queue, build_pack(batch, passes, masked, {.whole = true, .pad_pool = pool}),
                        batch, region_,
                        {.dtype = dtype_,
                         .position_bias = false,
                         .mask_pads = mask_keys_,
                         .drop = {},
                         .layer_begin = 0,
                         .layer_end = layers_});
  Pack const& pack = state.plan.pack();
  state.fill.resize(parts_.size());
  for (RowGroup const& group : pack.groups) {
    Fill& fill = state.fill[group.modality.index()];
    // Masked passes are the last of a modality's rows in the encoder's pack, one range: it goes
    // through the projection in one product, and kept_begin is where it starts.
    std::vector<std::int32_t> kept_from, kept_rows, mask_rows, position_rows, positions;
    std::vector<std::uint8_t> kept(static_cast<std::size_t>(group.length), 0);
    fill.kept_begin = -1;
    for (int pass : masked) {
      std::vector<Modality> const& members = passes[static_cast<std::size_t>(pass)].modalities;
      if (std::find(members.begin(), members.end(), group.modality) == members.end()) continue;
      for (Index s = 0; s < batch.samples(); ++s) {
        AttentionSegment const& from = encoder_pack.segment(pass, group.modality, s);
        AttentionSegment const& to = pack.segment(pass, group.modality, s);
        if (fill.kept_begin < 0) fill.kept_begin = from.row;
        for (Index row = from.row; row < from.row + from.length; ++row) {
          auto const i = static_cast<std::size_t>(row);
          Index const target = to.row + encoder_pack.positions[i];
          if (!encoder_pack.real[i]) continue;  // projected with the range, but put nowhere
          kept_from.push_back(static_cast<std::int32_t>(row - fill.kept_begin));
          kept_rows.push_back(static_cast<std::int32_t>(target));
          kept[static_cast<std::size_t>(target - group.row)] = 1;
        }
        fill.kept = from.row + from.length - fill.kept_begin;
      }
    }
    // Every real place has a position; those that nothing was put back to hold the mask token. Pads
    // stay zero: the official decoder attends to zeros.
    for (Index row = group.row; row < group.row + group.length; ++row) {
      auto const i = static_cast<std::size_t>(row);
      if (!pack.real[i]) continue;
      position_rows.push_back(static_cast<std::int32_t>(row));
      positions.push_back(pack.positions[i]);
      if (!kept[static_cast<std::size_t>(row - group.row)])
        mask_rows.push_back(static_cast<std::int32_t>(row));
    }
    // Without pads the range is taken row by row as it lies, which needs no list.
    if (encoder_pack.padded) fill.kept_from = Tensor::from_host(queue, kept_from);
    fill.kept_rows = Tensor::from_host(queue, kept_rows);
    fill.mask_rows = Tensor::from_host(queue, mask_rows);
    fill.mask_zeros = Tensor::from_host(queue, std::vector<std::int32_t>(mask_rows.size(), 0));
    fill.position_rows = Tensor::from_host(queue, position_rows);
    fill.positions = Tensor::from_host(queue, positions);
  }
  return state;
}

Tensor Decoder::assemble(Queue& queue, ConstView features, State const& state) const {
  Tensor x = Tensor::zeros(queue, dtype_, Shape{state.plan.pack().rows, width_});
  for (RowGroup const& group : state.plan.pack().groups) {
    Fill const& fill = state.fill[group.modality.index()];
    ModalityParts const& parts = parts_[group.modality.index()];
    Tensor const embedded = parts.embed.forward(queue, features.rows(fill.kept_begin, fill.kept));
    add_rows(queue, embedded, fill.kept_from, x, fill.kept_rows);
    add_rows(queue, store_->value(parts.mask_token), fill.mask_zeros, x, fill.mask_rows);
    add_rows(queue, store_->value(parts.positions), fill.positions, x, fill.position_rows);
  }
  return x;
}

void Decoder::forward(Queue& queue, ConstView features, State& state, Recompute recompute) const {
  TraceSpan const span(queue, Activity::compute, "decoder");
  state.x = stack_.forward(queue, state.plan, {}, assemble(queue, features, state), recompute,
                           &state.stack);
  state.dx = Tensor::zeros(queue, dtype_, state.x.shape());
}

Tensor Decoder::predict(Queue& queue, State const& state, Student& student) const {
  auto const m = student.modality.index();
  student.normed = norms_[m].forward(queue, state.x, student.rows, student.norm);
  return parts_[m].head.forward(queue, student.normed);
}

void Decoder::predict_backward(Queue& queue, ConstView dprediction, State& state,
                               Student const& student) const {
  auto const m = student.modality.index();
  Tensor const dnormed = parts_[m].head.backward(queue, dprediction, student.normed);
  norms_[m].backward(queue, dnormed, state.x, student.rows, student.norm, Write::accumulate,
                     state.dx);
}

void Decoder::backward(Queue& queue, ConstView features, State& state, Recompute recompute,
                       View dfeatures) const {
  TraceSpan const span(queue, Activity::compute, "decoder backward");
  Tensor const dx =
      stack_.backward(queue, state.plan, {}, std::move(state.dx), recompute, state.stack);
  assemble_backward(queue, dx, features, state, dfeatures);
}

void Decoder::assemble_backward(Queue& queue, ConstView dx, ConstView features, State const& state,
                                View dfeatures) const {
  for (RowGroup const& group : state.plan.pack().groups) {
    Fill const& fill = state.fill[group.modality.index()];
    ModalityParts const& parts = parts_[group.modality.index()];
    if (View g = store_->gradient(parts.positions))
      add_rows(queue, dx, fill.position_rows, g, fill.positions);
    if (View g = store_->gradient(parts.mask_token))
      add_rows(queue, dx, fill.mask_rows, g, fill.mask_zeros);
    Tensor dembedded = Tensor::zeros(queue, dtype_, Shape{fill.kept, width_});
    add_rows(queue, dx, fill.kept_rows, dembedded, fill.kept_from);
    parts.embed.backward_parameters(queue, dembedded, features.rows(fill.kept_begin, fill.kept));
    parts.embed.backward_input(queue, dembedded, dfeatures.rows(fill.kept_begin, fill.kept), 1);
  }
}

}  // namespace accord
