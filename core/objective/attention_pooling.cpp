#include "core/objective/attention_pooling.hpp"

#include <cmath>

#include "core/ops/bias.hpp"
#include "core/ops/elementwise.hpp"

namespace accord {
namespace {

// Sample s is a sequence of its asking row, which nobody attends to, and its tokens. The tokens'
// own queries are zero and their outputs unused.
AttentionPlan plan_of(Queue& queue, std::vector<Index> const& lengths) {
  auto const samples = static_cast<Index>(lengths.size());
  AttentionPlan plan;
  Index row = samples;
  for (Index s = 0; s < samples; ++s) {
    Index const length = lengths[static_cast<std::size_t>(s)];
    plan.segments.push_back({s, 1, 0});
    plan.segments.push_back({row, length, 0});
    plan.sequences.push_back(static_cast<Index>(plan.segments.size()));
    row += length;
  }
  std::vector<std::uint8_t> keys(static_cast<std::size_t>(row), 1);
  std::fill_n(keys.begin(), samples, std::uint8_t{0});
  plan.keys = Tensor::from_host(queue, keys);
  return plan;
}

}  // namespace

AttentionPooling::AttentionPooling(ParameterScope const& scope, Index embed_dim, Index heads)
    : store_(&scope.store()),
      width_(embed_dim),
      heads_(heads),
      query_(scope.add({"q", {1, 1, heads, embed_dim / heads}, embedding_init()})),
      key_(add_linear(scope / "k_proj", embed_dim, embed_dim, Bias::none)),
      value_(add_linear(scope / "v_proj", embed_dim, embed_dim)),
      out_(add_linear(scope / "out_proj", embed_dim, embed_dim)) {}

Tensor AttentionPooling::forward(Queue& queue, ConstView x, std::vector<Index> const& lengths,
                                 Saved& saved) const {
  auto const samples = static_cast<Index>(lengths.size());
  saved.plan = plan_of(queue, lengths);
  saved.qkv = Tensor::zeros(queue, x.dtype(), Shape{samples + x.rows(), 3 * width_});
  View const tokens = saved.qkv.view().rows(samples, x.rows());
  View const queries = saved.qkv.view().rows(0, samples).columns(0, width_);
  // The op divides by sqrt(head width).
  bias_forward(queue, store_->value(query_).reshaped({width_}), queries);
  scale(queue, std::sqrt(static_cast<double>(width_) / static_cast<double>(heads_)), queries);
  key_.forward(queue, x, tokens.columns(width_, width_));
  value_.forward(queue, x, tokens.columns(2 * width_, width_));
  saved.out = Tensor(queue, x.dtype(), Shape{saved.qkv.rows(), width_});
  saved.lse = Tensor(queue, accumulator_of(x.dtype()), Shape{saved.qkv.rows(), heads_});
  attention_forward(queue, saved.plan, heads_, saved.qkv, {}, saved.out, saved.lse);
  return out_.forward(queue, saved.out.view().rows(0, samples));
}

Tensor AttentionPooling::backward(Queue& queue, ConstView dy, ConstView x,
                                  Saved const& saved) const {
  Index const samples = dy.rows();
  Tensor dout = Tensor::zeros(queue, x.dtype(), saved.out.shape());
  View const dpooled = dout.view().rows(0, samples);
  out_.backward_parameters(queue, dy, saved.out.view().rows(0, samples));
  out_.backward_input(queue, dy, dpooled);
  Tensor dqkv(queue, x.dtype(), saved.qkv.shape());
  attention_backward(queue, saved.plan, heads_, dout, saved.qkv, saved.out, saved.lse, {}, dqkv);
  if (View const dquery = store_->gradient(query_)) {
    View const dqueries = dqkv.view().rows(0, samples).columns(0, width_);
    scale(queue, std::sqrt(static_cast<double>(width_) / static_cast<double>(heads_)), dqueries);
    bias_backward(queue, dqueries, dquery.reshaped({width_}));
  }
  ConstView const dtokens = dqkv.view().rows(samples, x.rows());
  Tensor dx = key_.backward(queue, dtokens.columns(width_, width_), x);
  value_.backward_parameters(queue, dtokens.columns(2 * width_, width_), x);
  value_.backward_input(queue, dtokens.columns(2 * width_, width_), dx, 1);
  return dx;
}

}  // namespace accord
