#pragma once
// Softmax cross entropy of queries against keys that arrive tile by tile; the logits are never
// stored.
//   logit_ij = scale * q_i . k_j;   loss_i = lse_i - (1 - e) logit_i,target - e / (V - 1) * sum_{j
//   != target} logit_ij
// with label smoothing e and V keys in all (docs/model.md 2.1, 2.2). Serves ITC over the global
// batch and the denoising terms. Tiles are merged in the order of the calls.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// Running statistics of m queries, all in the accumulator type but best_index.
struct ContrastState {
  ContrastState(Queue& queue, DType dtype, Index queries);  ///< ready for the first tile
  Tensor max, sum;    ///< [m]: running maximum, sum of exp(logit - max)
  Tensor target;      ///< [m]: the target's logit once its tile has come
  Tensor total;       ///< [m]: sum of all logits
  Tensor best_index;  ///< [m] int64: index of the largest logit, the smallest index among equals
};

struct ContrastShape {
  Index key_begin = 0;         ///< global index of the tile's first key
  Index keys = 0;              ///< V: keys over all tiles
  double label_smoothing = 0;  ///< e
  Index tile = 1024;           ///< keys whose logits are held at once

  double others_share() const;  ///< e / (V - 1): what smoothing asks of each key but the target
};

/// Folds keys [key_begin, key_begin + n) into the state.
/// q [m, d]   k [n, d]   scale [1] accumulator type   targets int64 [m]: global key index of each
/// query's positive
void contrast_forward(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView targets,
                      ContrastShape const& shape, ContrastState& state);
/// After the last tile: lse [m]; loss [1] += weight * sum_i loss_i; correct [1] += number of
/// queries whose best_index is their target (empty: not wanted). All accumulator type.
/// \throws Error for label smoothing with fewer than two keys: its share would be 0 / 0
/// (docs/model.md Q12).
void contrast_finish(Queue& queue, ContrastState const& state, ConstView targets,
                     ContrastShape const& shape, double weight, View lse, View loss, View correct);
/// With d_ij = weight * (exp(logit_ij - lse_i) - smoothed target_ij), recomputed tile by tile:
/// dq += scale * d k;  dk += scale * d^T q;  dscale [1] += sum d_ij (q_i . k_j). All in
/// accumulator_of(q's type); each may be empty: not wanted (dk in anchor mode).
void contrast_backward(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView targets,
                       ContrastShape const& shape, ConstView lse, double weight, View dq, View dk,
                       View dscale);

ACCORD_BACKENDS(void contrast_forward(Queue& queue, ConstView q, ConstView k, ConstView scale,
                                      ConstView targets, ContrastShape const& shape,
                                      ContrastState& state))
ACCORD_BACKENDS(void contrast_finish(Queue& queue, ContrastState const& state, ConstView targets,
                                     ContrastShape const& shape, double weight, View lse, View loss,
                                     View correct))
ACCORD_BACKENDS(void contrast_backward(Queue& queue, ConstView q, ConstView k, ConstView scale,
                                       ConstView targets, ContrastShape const& shape, ConstView lse,
                                       double weight, View dq, View dk, View dscale))

}  // namespace accord
