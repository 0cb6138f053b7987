#pragma once
// Multi-head self-attention over packed sequences with relative-position bias
// (docs/model.md 1.5, 1.7, 1.8):
//   p = softmax(q k^T head_dim^-1/2 + bias),  o = p v,  per sequence and head.
// bias(i, j) = table[bucket[position i, position j], head] where i and j are of one modality, else
// 0.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include <span>
#include <vector>

#include "core/base/modality.hpp"
#include "core/ops/dispatch.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// `length` consecutive rows of one modality.
struct AttentionSegment {
  Index row = 0;
  Index length = 0;
  Modality modality = 0;
};

/// A dense additive bias, for sequences of one equal length s: what reference files of single
/// modules hold. Reference backend only.
struct DenseBias {
  ConstView values;  ///< [sequences, heads, s, s]
  View gradient;     ///< overwritten in backward
};

/// Which rows attend to which: built on the host once per micro-batch and row list.
struct AttentionPlan {
  std::vector<AttentionSegment> segments;
  std::vector<Index> sequences{0};  ///< sequence s = segments [sequences[s], sequences[s + 1])
  Tensor positions;  ///< int32 [rows]: index of each row in its modality's whole sequence; empty
                     ///< without bias
  Tensor keys;  ///< uint8 [rows]: 0 = no row attends to it (a padded key); empty: all do. A query
                ///< always.
  DenseBias dense = {};  ///< beside that of tables; without values: none

  Index sequence_count() const { return static_cast<Index>(sequences.size()) - 1; }
};

/// The bias of one modality. `table` empty: no bias for it.
struct PositionBias {
  ConstView table;   ///< [buckets, heads of this rank]
  ConstView bucket;  ///< int32 [s, s], s >= the longest whole sequence
  View dtable;       ///< gradient, added to in backward, accumulator_of(dtype); empty when frozen
};

/// qkv [rows, 3 * heads * head_dim]: q | k | v, each head after head   bias: by modality, or empty
/// (no bias at all)   out [rows, heads * head_dim]   lse [rows, heads] in accumulator_of(dtype):
/// log-sum-exp of each query, for backward.
/// Rows that no segment names are left as they are, here and in backward. Each sequence needs a
/// key. Sums have one order, whatever the number of threads.
/// \throws Error if shapes, types or the plan's rows do not fit, or for a dense bias on another
/// backend.
void attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                       std::span<PositionBias const> bias, View out, View lse);
/// Overwrites dqkv; adds to each dtable. Recomputes p from lse.
void attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                        ConstView qkv, ConstView out, ConstView lse,
                        std::span<PositionBias const> bias, View dqkv);

ACCORD_BACKENDS(void attention_forward(Queue& queue, AttentionPlan const& plan, Index heads,
                                       ConstView qkv, std::span<PositionBias const> bias, View out,
                                       View lse))
ACCORD_BACKENDS(void attention_backward(Queue& queue, AttentionPlan const& plan, Index heads,
                                        ConstView dout, ConstView qkv, ConstView out, ConstView lse,
                                        std::span<PositionBias const> bias, View dqkv))

}  // namespace accord
