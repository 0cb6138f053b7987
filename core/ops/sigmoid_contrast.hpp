#pragma once
// Pairwise sigmoid loss of queries against keys that arrive tile by tile; the logits are never
// stored.
//   logit_ij = scale * q_i . k_j + bias;   loss_i = -sum_j log s(sign_ij logit_ij), s the logistic
//   function, sign_ij = 1 for the query's target, else -1
// (arXiv 2303.15343). A pair's loss depends on no other pair: gradients come with the logits, in
// one go over the keys. Tiles are merged in the order of the calls.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// Running sums of m queries, all in the accumulator type but best_index. With d_ij = s(logit_ij) -
/// (1 for the target, else 0):
struct SigmoidContrastState {
  SigmoidContrastState(Queue& queue, DType dtype, Index queries);  ///< ready for the first tile
  Tensor loss;                                                     ///< [m]: loss_i
  Tensor dscale;                                                   ///< [m]: sum_j d_ij (q_i . k_j)
  Tensor dbias;                                                    ///< [m]: sum_j d_ij
  Tensor best, best_index;  ///< [m]: the largest q_i . k_j and (int64) its global key index, the
                            ///< smallest among equals
};

/// Folds keys [key_begin, key_begin + n) into the state; dq += weight * scale * d k (accumulator
/// type; empty: not wanted).
/// q [m, d]   k [n, d]   scale, bias [1] accumulator type   targets int64 [m]: global key index of
/// each query's positive   \param tile  keys whose logits are held at once
void sigmoid_contrast(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView bias,
                      ConstView targets, Index key_begin, Index tile, double weight,
                      SigmoidContrastState& state, View dq);
/// After the last tile: loss [1] += share * sum_i loss_i; dscale, dbias [1] += weight * sum_i of
/// the state's (empty: not wanted); correct [1] += number of queries whose best_index is their
/// target.
void sigmoid_contrast_finish(Queue& queue, SigmoidContrastState const& state, ConstView targets,
                             double share, double weight, View loss, View correct, View dscale,
                             View dbias);

ACCORD_BACKENDS(void sigmoid_contrast(Queue& queue, ConstView q, ConstView k, ConstView scale,
                                      ConstView bias, ConstView targets, Index key_begin,
                                      Index tile, double weight, SigmoidContrastState& state,
                                      View dq))
ACCORD_BACKENDS(void sigmoid_contrast_finish(Queue& queue, SigmoidContrastState const& state,
                                             ConstView targets, double share, double weight,
                                             View loss, View correct, View dscale, View dbias))

}  // namespace accord
