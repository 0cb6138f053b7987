#include "core/objective/classify_head.hpp"

#include "core/ops/activation.hpp"
#include "core/ops/rows.hpp"

namespace accord {
namespace {

constexpr Index inner_ratio = 2;  // `head_scale_ratio` of all recipes

}  // namespace

ClassifyHead::ClassifyHead(ParameterScope const& scope, Index embed_dim, Index heads,
                           Pooling pooling, Index classes)
    : pool_(pooling == Pooling::attention
                ? std::optional<Pool>(Pool{{scope / "attn_pooling_func", embed_dim, heads},
                                           add_layer_norm(scope / "norm", embed_dim)})
                : std::nullopt),
      inner_(add_linear(scope / "classifier" / "0", embed_dim, inner_ratio * embed_dim)),
      norm_(add_layer_norm(scope / "classifier" / "1", inner_ratio * embed_dim)),
      out_(add_linear(scope / "classifier" / "3", inner_ratio * embed_dim, classes)) {}

ClassifyHead::Saved ClassifyHead::plan(Queue& queue, Pack const& pack, int pass, Modality modality,
                                       Index samples) const {
  Saved saved;
  std::vector<std::int32_t> rows;
  for (Index s = 0; s < samples; ++s) {
    AttentionSegment const& segment = pack.segment(pass, modality, s);
    Index const begin = pool_ ? segment.row + 1 : segment.row;
    Index const end = pool_ ? segment.row + segment.length : begin + 1;
    std::size_t const before = rows.size();
    for (Index row = begin; row < end; ++row)
      if (pack.real[static_cast<std::size_t>(row)]) rows.push_back(static_cast<std::int32_t>(row));
    saved.lengths.push_back(static_cast<Index>(rows.size() - before));
  }
  saved.rows = Tensor::from_host(queue, rows);
  return saved;
}

Tensor ClassifyHead::forward(Queue& queue, ConstView features, Saved& saved) const {
  saved.tokens = Tensor(queue, features.dtype(), Shape{saved.rows.size(), features.extent(1)});
  gather_rows(queue, features, saved.rows, saved.tokens);
  if (pool_) {
    saved.pooled = pool_->attention.forward(queue, saved.tokens, saved.lengths, saved.pooling);
    saved.normed_pooled = pool_->norm.forward(queue, saved.pooled, {}, saved.pooled_norm);
  }
  saved.inner = inner_.forward(queue, pool_ ? saved.normed_pooled : saved.tokens);
  saved.normed = norm_.forward(queue, saved.inner, {}, saved.norm);
  saved.activated = Tensor(queue, features.dtype(), saved.normed.shape());
  gelu_forward(queue, saved.normed, saved.activated);
  return out_.forward(queue, saved.activated);
}

void ClassifyHead::backward(Queue& queue, ConstView dlogits, Saved const& saved,
                            View dfeatures) const {
  Tensor dinner = out_.backward(queue, dlogits, saved.activated);
  gelu_backward(queue, dinner, saved.normed, dinner);
  norm_.backward(queue, dinner, saved.inner, {}, saved.norm, Write::overwrite, dinner);
  Tensor dtokens = inner_.backward(queue, dinner, pool_ ? saved.normed_pooled : saved.tokens);
  if (pool_) {
    pool_->norm.backward(queue, dtokens, saved.pooled, {}, saved.pooled_norm, Write::overwrite,
                         dtokens);
    dtokens = pool_->attention.backward(queue, dtokens, saved.tokens, saved.pooling);
  }
  add_rows(queue, dtokens, {}, dfeatures, saved.rows);
}

}  // namespace accord
