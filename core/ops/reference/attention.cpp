#include "core/ops/attention.hpp"

#include <cmath>
#include <limits>

namespace accord::reference {
namespace {

struct Token {
  Index row;
  Modality modality;
};

std::vector<Token> tokens_of(AttentionPlan const& plan, Index sequence) {
  std::vector<Token> tokens;
  for (Index s = plan.sequences[sequence]; s < plan.sequences[sequence + 1]; ++s) {
    AttentionSegment const& segment = plan.segments[s];
    for (Index i = 0; i < segment.length; ++i)
      tokens.push_back({segment.row + i, segment.modality});
  }
  return tokens;
}

/// The arrays of one call, and the logits and bias entries they define.
template <class T>
class Scores {
 public:
  Scores(AttentionPlan const& plan, Index heads, ConstView qkv, std::span<PositionBias const> bias)
      : plan_(plan),
        heads_(heads),
        head_dim_(qkv.columns() / (3 * heads)),
        qkv_(qkv),
        bias_(bias) {}

  Index head_dim() const { return head_dim_; }
  T scale() const { return T(1) / std::sqrt(static_cast<T>(head_dim_)); }
  /// part 0 q, 1 k, 2 v
  T const* row(int part, Index row, Index head) const {
    return qkv_.as<T>() + row * qkv_.stride() + (part * heads_ + head) * head_dim_;
  }

  /// Row of the bias table for query a and key b, or -1.
  Index bucket(Token a, Token b) const {
    if (a.modality != b.modality || a.modality.index() >= bias_.size() ||
        !bias_[a.modality.index()].table)
      return -1;
    std::int32_t const* positions = plan_.positions.view().template as<std::int32_t>();
    ConstView const table = bias_[a.modality.index()].bucket;
    return table.as<std::int32_t>()[positions[a.row] * table.stride() + positions[b.row]];
  }

  /// q k^T scale + bias, -inf for a key nobody attends to.
  T logit(std::vector<Token> const& tokens, Index sequence, Index head, Index i, Index j) const {
    Token const a = tokens[i], b = tokens[j];
    if (plan_.keys && plan_.keys.view().template as<std::uint8_t>()[b.row] == 0)
      return -std::numeric_limits<T>::infinity();
    T dot = 0;
    for (Index c = 0; c < head_dim_; ++c) dot += row(0, a.row, head)[c] * row(1, b.row, head)[c];
    T logit = dot * scale();
    if (Index const entry = bucket(a, b); entry >= 0) {
      ConstView const table = bias_[a.modality.index()].table;
      logit += table.as<T>()[entry * table.stride() + head];
    }
    if (plan_.dense.values) logit += plan_.dense.values.as<T>()[dense_index(sequence, head, i, j)];
    return logit;
  }

  Index dense_index(Index sequence, Index head, Index i, Index j) const {
    Index const n = plan_.dense.values.extent(2);
    return ((sequence * heads_ + head) * n + i) * n + j;
  }

 private:
  AttentionPlan const& plan_;
  Index heads_, head_dim_;
  ConstView qkv_;
  std::span<PositionBias const> bias_;
};

}  // namespace

template <class T>
void attention_forward(Queue&, AttentionPlan const& plan, Index heads, ConstView qkv,
                       std::span<PositionBias const> bias, View out, View lse) {
  Scores<T> const scores(plan, heads, qkv, bias);
  Index const head_dim = scores.head_dim();
  for (Index s = 0; s < plan.sequence_count(); ++s) {
    std::vector<Token> const tokens = tokens_of(plan, s);
    Index const n = static_cast<Index>(tokens.size());
    std::vector<T> p(n);
    for (Index head = 0; head < heads; ++head)
      for (Index i = 0; i < n; ++i) {
        T max = -std::numeric_limits<T>::infinity(), sum = 0;
        for (Index j = 0; j < n; ++j) {
          p[j] = scores.logit(tokens, s, head, i, j);
          max = std::max(max, p[j]);
        }
        for (Index j = 0; j < n; ++j) sum += p[j] = std::exp(p[j] - max);
        lse.as<T>()[tokens[i].row * heads + head] = max + std::log(sum);
        T* o = out.as<T>() + tokens[i].row * out.stride() + head * head_dim;
        for (Index c = 0; c < head_dim; ++c) {
          o[c] = 0;
          for (Index j = 0; j < n; ++j) o[c] += p[j] / sum * scores.row(2, tokens[j].row, head)[c];
        }
      }
  }
}

template <class T>
void attention_backward(Queue&, AttentionPlan const& plan, Index heads, ConstView dout,
                        ConstView qkv, ConstView out, ConstView lse,
                        std::span<PositionBias const> bias, View dqkv) {
  Scores<T> const scores(plan, heads, qkv, bias);
  Index const head_dim = scores.head_dim();
  auto gradient = [&](int part, Index row, Index head) {
    return dqkv.as<T>() + row * dqkv.stride() + (part * heads + head) * head_dim;
  };
  for (Index s = 0; s < plan.sequence_count(); ++s) {
    std::vector<Token> const tokens = tokens_of(plan, s);
    Index const n = static_cast<Index>(tokens.size());
    for (Token const token : tokens)
      for (Index c = 0; c < 3 * heads * head_dim; ++c) gradient(0, token.row, 0)[c] = 0;
    for (Index head = 0; head < heads; ++head)
      for (Index i = 0; i < n; ++i) {
        Index const row = tokens[i].row;
        T const* o = out.as<T>() + row * out.stride() + head * head_dim;
        T const* go = dout.as<T>() + row * dout.stride() + head * head_dim;
        T mean = 0;  // sum_j p_j dp_j = dout . out
        for (Index c = 0; c < head_dim; ++c) mean += go[c] * o[c];
        for (Index j = 0; j < n; ++j) {
          Index const key = tokens[j].row;
          T const p =
              std::exp(scores.logit(tokens, s, head, i, j) - lse.as<T>()[row * heads + head]);
          T dp = 0;
          for (Index c = 0; c < head_dim; ++c) dp += go[c] * scores.row(2, key, head)[c];
          T const dlogit = p * (dp - mean);
          for (Index c = 0; c < head_dim; ++c) {
            gradient(0, row, head)[c] += dlogit * scores.scale() * scores.row(1, key, head)[c];
            gradient(1, key, head)[c] += dlogit * scores.scale() * scores.row(0, row, head)[c];
            gradient(2, key, head)[c] += p * go[c];
          }
          if (Index const entry = scores.bucket(tokens[i], tokens[j]); entry >= 0)
            if (View const dtable = bias[tokens[i].modality.index()].dtable)
              dtable.as<T>()[entry * dtable.stride() + head] += dlogit;
          if (View const gradient_of_dense = plan.dense.gradient)
            gradient_of_dense.as<T>()[scores.dense_index(s, head, i, j)] = dlogit;
        }
      }
  }
}

#define ACCORD_INSTANTIATE(T)                                                                    \
  template void attention_forward<T>(Queue&, AttentionPlan const&, Index, ConstView,             \
                                     std::span<PositionBias const>, View, View);                 \
  template void attention_backward<T>(Queue&, AttentionPlan const&, Index, ConstView, ConstView, \
                                      ConstView, ConstView, std::span<PositionBias const>, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::reference
