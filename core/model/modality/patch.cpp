#include "core/model/modality/patch.hpp"

#include "core/model/modality/grid_positions.hpp"
#include "core/model/modality/patch_stem.hpp"
#include "core/ops/elementwise.hpp"
#include "core/ops/rows.hpp"

namespace accord {
namespace {

Index side_of(ModalityConfig const& config) { return config.size / config.patch; }
Index table_side_of(ModalityConfig const& config) {
  return config.position_side > 0 ? config.position_side : side_of(config);
}

class PatchAdapter final : public Adapter {
 public:
  PatchAdapter(AdapterContext const& context, ModalityConfig const& config)
      : config_(config),
        dtype_(context.dtype),
        store_(&context.scope.store()),
        cls_(context.scope.add({"cls_embedding", {1, 1, context.embed_dim}, embedding_init()})),
        positions_(context.queue, context.scope, context.embed_dim, table_side_of(config),
                   side_of(config), context.dtype),
        stem_(context.scope, config.stem, config.size, config.patch, context.embed_dim) {}

  InputSpec input() const override { return patch_family.input(config_); }
  Index tokens(Index elements) const override { return patch_family.tokens(config_, elements); }
  Index max_tokens() const override { return side_of(config_) * side_of(config_) + 1; }

  std::unique_ptr<Saved> prepare(Queue& queue, ModalityInput const& input) const override {
    auto saved = std::make_unique<PatchSaved>();
    Index const item = config_.size * config_.size * 3;
    Index const items = static_cast<Index>(input.offsets.size()) - 1;
    ACCORD_CHECK(input.offsets.back() == items * item, "{}: {} elements for {} images of {} x {}",
                 config_.name, input.offsets.back(), items, config_.size, config_.size);
    Tensor const pixels =
        Tensor::from_host(queue, ConstView(input.data.data(), input.dtype, Shape{items, item}));
    saved->features = stem_.forward(queue, pixels, saved->stem);
    saved->positions = positions_.forward(queue);
    return saved;
  }

  void place(Queue& queue, Saved& base, RowPlacement const& placement, View x) const override {
    auto& saved = static_cast<PatchSaved&>(base);
    Rows const rows = sort(queue, placement);
    Index const d = x.extent(1);
    add_rows(queue, saved.features, rows.patches, x, rows.patch_rows);
    add_rows(queue, store_->value(cls_).reshaped({1, d}), rows.zeros, x, rows.cls_rows);
    add_rows(queue, saved.positions, rows.positions, x, rows.all_rows);
  }

  void backward(Queue& queue, Saved& base, RowPlacement const& placement,
                ConstView dx) const override {
    auto& saved = static_cast<PatchSaved&>(base);
    Rows const rows = sort(queue, placement);
    Index const d = dx.extent(1);
    if (!saved.dfeatures) {
      saved.dfeatures = Tensor::zeros(queue, accumulator_of(dtype_), saved.features.shape());
      saved.dpositions = positions_.zero_gradient(queue);
    }
    add_rows(queue, dx, rows.patch_rows, saved.dfeatures, rows.patches);
    if (View g = store_->gradient(cls_))
      add_rows(queue, dx, rows.cls_rows, g.reshaped({1, d}), rows.zeros);
    if (saved.dpositions) add_rows(queue, dx, rows.all_rows, saved.dpositions, rows.positions);
  }

  void finish_backward(Queue& queue, Saved& base) const override {
    auto& saved = static_cast<PatchSaved&>(base);
    if (saved.dfeatures) backward_stem(queue, saved);
    if (saved.dpositions) positions_.backward(queue, saved.dpositions);
  }

 private:
  struct PatchSaved final : Saved {
    Tensor features;               ///< [b * patches, d]
    Tensor dfeatures;              ///< its gradient, summed over passes
    Tensor positions, dpositions;  ///< [patches of one + 1, d], and its gradient likewise
    PatchStem::Saved stem;
  };
  struct Rows {
    Tensor patch_rows, patches, cls_rows, zeros, all_rows, positions;
  };

  /// The sum over passes, in the model's type.
  void backward_stem(Queue& queue, PatchSaved& saved) const {
    if (saved.dfeatures.dtype() == dtype_)
      return stem_.backward(queue, saved.dfeatures, saved.stem);
    Tensor rounded(queue, dtype_, saved.dfeatures.shape());
    convert(queue, saved.dfeatures, rounded);
    stem_.backward(queue, rounded, saved.stem);
  }

  Rows sort(Queue& queue, RowPlacement const& placement) const {
    std::vector<std::int32_t> patch_rows, patches, cls_rows;
    auto const per_image = static_cast<std::int32_t>(max_tokens() - 1);
    for (std::size_t i = 0; i < placement.rows.size(); ++i) {
      if (placement.positions[i] == 0) {
        cls_rows.push_back(placement.rows[i]);
      } else {
        patch_rows.push_back(placement.rows[i]);
        patches.push_back(placement.samples[i] * per_image + placement.positions[i] - 1);
      }
    }
    std::vector<std::int32_t> const zeros(cls_rows.size(), 0);
    return {
        Tensor::from_host(queue, patch_rows),     Tensor::from_host(queue, patches),
        Tensor::from_host(queue, cls_rows),       Tensor::from_host(queue, zeros),
        Tensor::from_host(queue, placement.rows), Tensor::from_host(queue, placement.positions)};
  }

  ModalityConfig config_;
  DType dtype_;
  ParameterStore* store_;
  int cls_;
  GridPositions positions_;
  PatchStem stem_;
};

}  // namespace

AdapterFamily const patch_family = {
    "patch",
    [](AdapterContext const& context, ModalityConfig const& config) -> std::unique_ptr<Adapter> {
      return std::make_unique<PatchAdapter>(context, config);
    },
    [](ModalityConfig const& config) {
      return PositionTable{"pos_embed", side_of(config) * side_of(config) + 1};
    },
    [](ModalityConfig const& config) { return grid_buckets(side_of(config)); },
    [](ModalityConfig const& config) {
      return InputSpec{DType::uint8, config.size * config.size * 3};
    },
    [](ModalityConfig const& config, Index) { return side_of(config) * side_of(config) + 1; },
    [](ModalityConfig const& config, bool position_bias) {
      std::vector<Buffer> buffers;
      if (position_bias) buffers.push_back(bucket_buffer(grid_buckets(side_of(config))));
      Buffer& index = buffers.emplace_back();
      index.name = "position_idx";
      index.shape = {side_of(config) * side_of(config) + 1};
      for (std::int32_t i = 0; i < index.shape[0]; ++i) index.values.push_back(i);
      return buffers;
    },
};

}  // namespace accord
