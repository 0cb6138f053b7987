#include "core/model/modality/token.hpp"

#include "core/base/require.hpp"
#include "core/ops/rows.hpp"

namespace accord {
namespace {

constexpr std::int32_t pad_row = 1;

// Class token, tokens, end mark.
Index longest(ModalityConfig const& config) { return config.max_tokens + 2; }

class TokenAdapter final : public Adapter {
 public:
  static constexpr char const* keys[] = {"vocabulary", "positions", "bucket_size"};

  static void check(ModalityConfig const& config, Index) {
    std::string const at = "modality." + config.name;
    require(
        longest(config) <= config.positions,
        "{}.positions = {} is too few for data.max_tokens = {}: it takes two more, for the class "
        "token and the end mark",
        at, config.positions, config.max_tokens);
    require(config.bucket_size % 2 == 0, "{}.bucket_size = {} must be even", at,
            config.bucket_size);
  }

  TokenAdapter(AdapterContext const& context, ModalityConfig const& config)
      : config_(config),
        store_(&context.scope.store()),
        cls_(context.scope.add({"cls_embedding", {1, 1, context.embed_dim}, embedding_init()})),
        tokens_(context.scope.add(
            {"embed_tokens.weight", {config.vocabulary, context.embed_dim}, embedding_init()})),
        positions_(context.scope.of(ParameterPart::Kind::position_table)
                       .add({"embed_positions.weight",
                             {config.positions, context.embed_dim},
                             embedding_init()})) {
    check(config, context.embed_dim);
  }

  InputSpec input() const override { return token_family.input(config_); }
  Index tokens(Index elements) const override { return elements + 1; }
  Index max_tokens() const override { return longest(config_); }

  std::unique_ptr<Saved> prepare(Queue&, ModalityInput const& input) const override {
    ACCORD_CHECK(input.data.empty() || input.dtype == DType::int32, "{}: token rows are int32",
                 config_.name);
    auto saved = std::make_unique<TokenSaved>();
    saved->input = &input;
    return saved;
  }

  void place(Queue& queue, Saved& saved, RowPlacement const& placement, View x) const override {
    Rows const rows = sort(queue, static_cast<TokenSaved const&>(saved), placement);
    Index const d = x.extent(1);
    add_rows(queue, store_->value(tokens_), rows.ids, x, rows.token_rows);
    add_rows(queue, store_->value(cls_).reshaped({1, d}), rows.zeros, x, rows.cls_rows);
    add_rows(queue, store_->value(positions_), rows.positions, x, rows.all_rows);
  }

  void backward(Queue& queue, Saved& saved, RowPlacement const& placement,
                ConstView dx) const override {
    Rows const rows = sort(queue, static_cast<TokenSaved const&>(saved), placement);
    Index const d = dx.extent(1);
    if (View g = store_->gradient(tokens_)) add_rows(queue, dx, rows.token_rows, g, rows.ids);
    if (View g = store_->gradient(cls_))
      add_rows(queue, dx, rows.cls_rows, g.reshaped({1, d}), rows.zeros);
    if (View g = store_->gradient(positions_))
      add_rows(queue, dx, rows.all_rows, g, rows.positions);
  }

  void finish_backward(Queue&, Saved&) const override {}

  void fix_initial_values(Queue& queue) const override {
    zero(queue, store_->value(tokens_).rows(pad_row, 1));
  }

 private:
  struct TokenSaved final : Saved {
    ModalityInput const* input;  ///< outlives the micro-batch
  };
  struct Rows {
    Tensor token_rows, ids, cls_rows, zeros, all_rows, positions;
  };

  Rows sort(Queue& queue, TokenSaved const& saved, RowPlacement const& placement) const {
    auto const* ids = reinterpret_cast<std::int32_t const*>(saved.input->data.data());
    std::vector<std::int32_t> token_rows, token_ids, cls_rows;
    for (std::size_t i = 0; i < placement.rows.size(); ++i) {
      if (placement.positions[i] == 0) {
        cls_rows.push_back(placement.rows[i]);
        continue;
      }
      std::int32_t const id =
          ids[saved.input->offsets[static_cast<std::size_t>(placement.samples[i])] +
              placement.positions[i] - 1];
      ACCORD_CHECK(id >= 0 && id < config_.vocabulary, "{}: token row {} is not one of {}",
                   config_.name, id, config_.vocabulary);
      if (id == pad_row) continue;  // zero, and no gradient
      token_rows.push_back(placement.rows[i]);
      token_ids.push_back(id);
    }
    std::vector<std::int32_t> const zeros(cls_rows.size(), 0);
    return {
        Tensor::from_host(queue, token_rows),     Tensor::from_host(queue, token_ids),
        Tensor::from_host(queue, cls_rows),       Tensor::from_host(queue, zeros),
        Tensor::from_host(queue, placement.rows), Tensor::from_host(queue, placement.positions)};
  }

  ModalityConfig config_;
  ParameterStore* store_;
  int cls_, tokens_, positions_;
};

}  // namespace

AdapterFamily const token_family = {
    .name = "token",
    .keys = TokenAdapter::keys,
    .defaults =
        [] {
          return ModalityConfig{.vocabulary = 0,
                                .mask = MaskKind::whole_word,
                                .mask_ratio = 0.15,
                                .joint_mask_ratio = 0.4};
        },
    .check = TokenAdapter::check,
    .items = ItemKind::caption,
    .input =
        [](ModalityConfig const&) {
          return InputSpec{DType::int32, 0};
        },
    .tokens = [](ModalityConfig const&, Index elements) { return elements + 1; },
    .make = [](AdapterContext const& context, ModalityConfig const& config)
        -> std::unique_ptr<Adapter> { return std::make_unique<TokenAdapter>(context, config); },
    .buckets =
        [](ModalityConfig const& config) {
          return log_buckets(longest(config), config.bucket_size);
        },
    .decoder_positions =
        [](ModalityConfig const& config) {
          return PositionTable{"embed_positions.weight", config.positions};
        },
    .flops = [](ModalityConfig const&, Index, Index) { return AdapterFlops{}; },
    .buffers =
        [](ModalityConfig const& config, bool position_bias) {
          std::vector<Buffer> buffers;
          if (position_bias)
            buffers.push_back(bucket_buffer(log_buckets(max_log_positions, config.bucket_size)));
          return buffers;
        },
};

}  // namespace accord
