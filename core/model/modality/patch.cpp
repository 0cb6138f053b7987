#include "core/model/modality/patch.hpp"

#include <cmath>

#include "core/base/require.hpp"
#include "core/model/interpolation.hpp"
#include "core/model/modality/grid_positions.hpp"
#include "core/model/modality/in_type.hpp"
#include "core/model/modality/masks.hpp"
#include "core/model/modality/patch_stem.hpp"
#include "core/model/modality/placed_rows.hpp"

namespace accord {
namespace {

Index side_of(ModalityConfig const& config) { return config.size / config.patch; }
Index table_side_of(ModalityConfig const& config) {
  return config.position_side > 0 ? config.position_side : side_of(config);
}

/// The side of the grid whose table has so many rows.
Index side_of_table(ParameterSpec const& parameter, Index rows) {
  bool const bias = parameter.part.kind == ParameterPart::Kind::bias_table;
  auto const root = static_cast<Index>(std::lround(std::sqrt(rows - (bias ? 3 : 1))));
  Index const side = bias ? (root + 1) / 2 : root;
  if ((bias ? grid_bucket_rows(side) : side * side + 1) != rows)
    throw DataError(
        fmt::format("{}: {} rows are no table of a square grid of patches", parameter.name, rows));
  return side;
}

class PatchAdapter final : public Adapter {
 public:
  static constexpr char const* keys[] = {"size", "patch", "position_side", "stem"};

  static void check(ModalityConfig const& config, Index embed_dim) {
    std::string const at = "modality." + config.name;
    require(config.size % config.patch == 0, "{0}.size = {1} is not a multiple of {0}.patch = {2}",
            at, config.size, config.patch);
    require(config.mask == MaskKind::uniform,
            "{}.mask = \"{}\" needs words; patches are masked \"uniform\"", at,
            name_of(config.mask));
    if (config.stem != StemKind::hmlp) return;
    require(config.patch == 16,
            "{}.patch = {}: stem = \"hmlp\" makes patches of 16 pixels; use 16, or stem = \"mlp\"",
            at, config.patch);
    require(embed_dim % 4 == 0,
            "model.embed_dim = {} must be a multiple of 4 for {}.stem = \"hmlp\"", embed_dim, at);
  }

  static AdapterFlops flops(ModalityConfig const& config, Index embed_dim, Index tokens) {
    double const d = static_cast<double>(embed_dim), patches = static_cast<double>(tokens - 1);
    if (config.stem == StemKind::mlp)
      return {patches * 2 * static_cast<double>(config.patch * config.patch * 3) * d};
    return {patches * 16 * 2 * 48 * d / 4, patches * (4 * 2 * d * d / 4 + 2 * d * d)};
  }

  static std::vector<Buffer> buffers(ModalityConfig const& config, bool position_bias) {
    std::vector<Buffer> all;
    if (position_bias)
      all.push_back(bucket_buffer(grid_buckets({side_of(config), side_of(config)})));
    Buffer& index = all.emplace_back();
    index.name = "position_idx";
    index.shape = {side_of(config) * side_of(config) + 1};
    for (std::int32_t i = 0; i < index.shape[0]; ++i) index.values.push_back(i);
    return all;
  }

  static std::vector<double> resize_table(ParameterSpec const& parameter, Index from_rows,
                                          std::vector<double> const& values) {
    Index const from = side_of_table(parameter, from_rows),
                to = side_of_table(parameter, parameter.shape[0]);
    return parameter.part.kind == ParameterPart::Kind::bias_table
               ? resize_bias_table(values, from, to)
               : resize_position_table(values, from, to);
  }

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
    for (Index i = 0; i < items; ++i) saved->first.push_back(i * (max_tokens() - 1));
    saved->features = stem_.forward(queue, pixels, saved->stem);
    saved->positions = positions_.forward(queue);
    return saved;
  }

  void place(Queue& queue, Saved& base, RowPlacement const& placement, View x) const override {
    auto const& saved = static_cast<PatchSaved&>(base);
    PlacedRows(queue, placement, saved.first)
        .forward(queue, saved.features, store_->value(cls_).reshaped({1, x.extent(1)}),
                 saved.positions, x);
  }

  void backward(Queue& queue, Saved& base, RowPlacement const& placement,
                ConstView dx) const override {
    auto& saved = static_cast<PatchSaved&>(base);
    if (!saved.dfeatures) {
      saved.dfeatures = Tensor::zeros(queue, accumulator_of(dtype_), saved.features.shape());
      saved.dpositions = positions_.zero_gradient(queue);
    }
    View const dcls = store_->gradient(cls_);
    PlacedRows(queue, placement, saved.first)
        .backward(queue, dx, saved.dfeatures.view(),
                  dcls ? dcls.reshaped({1, dx.extent(1)}) : View(), saved.dpositions.view());
  }

  void finish_backward(Queue& queue, Saved& base) const override {
    auto& saved = static_cast<PatchSaved&>(base);
    if (saved.dfeatures)
      stem_.backward(queue, in_type(queue, std::move(saved.dfeatures), dtype_), saved.stem);
    if (saved.dpositions) positions_.backward(queue, saved.dpositions);
  }

 private:
  struct PatchSaved final : Saved {
    std::vector<Index> first;      ///< row of each item's first patch
    Tensor features;               ///< [b * patches, d]
    Tensor dfeatures;              ///< its gradient, summed over passes
    Tensor positions, dpositions;  ///< [patches of one + 1, d], and its gradient likewise
    PatchStem::Saved stem;
  };
  ModalityConfig config_;
  DType dtype_;
  ParameterStore* store_;
  int cls_;
  GridPositions positions_;
  PatchStem stem_;
};

}  // namespace

AdapterFamily const patch_family = {
    .name = "patch",
    .keys = PatchAdapter::keys,
    .defaults = [] { return ModalityConfig{.mask_ratio = 0.75, .joint_mask_ratio = 0.6875}; },
    .check = PatchAdapter::check,
    .items = ItemKind::picture,
    .input =
        [](ModalityConfig const& config) {
          return InputSpec{DType::uint8, config.size * config.size * 3};
        },
    .tokens = [](ModalityConfig const& config,
                 Index) { return side_of(config) * side_of(config) + 1; },
    .prompt = "a photo of a {}",
    .make = [](AdapterContext const& context, ModalityConfig const& config)
        -> std::unique_ptr<Adapter> { return std::make_unique<PatchAdapter>(context, config); },
    .buckets =
        [](ModalityConfig const& config) {
          return grid_buckets({side_of(config), side_of(config)});
        },
    .decoder_positions =
        [](ModalityConfig const& config) {
          return PositionTable{"pos_embed", side_of(config) * side_of(config) + 1};
        },
    .flops = PatchAdapter::flops,
    .buffers = PatchAdapter::buffers,
    .resize_table = PatchAdapter::resize_table,
};

}  // namespace accord
