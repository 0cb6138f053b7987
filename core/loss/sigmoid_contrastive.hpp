#pragma once
// Pairwise sigmoid loss over the global batch (arXiv 2303.15343), features travelling the same ring
// of ranks as those of the softmax contrast (docs/model.md 9.2).

#include "core/loss/contrastive.hpp"

namespace accord {

/// What its pairs share, each [1] in the accumulator type.
struct SigmoidScalars {
  ConstView scale, bias;
};
struct SigmoidGradients {
  View scale, bias;  ///< empty: not wanted
};

/// L = -1/B sum_ij log s(sign_ij (scale a_i . b_j + bias)) over the global batch of B samples, s
/// the logistic function, sign_ij = 1 for i = j, else -1. Told as two halves that are equal: each
/// a_i against all b, and each b_j against all a. Features, gradients and the collective call as of
/// contrast_ring(); options.label_smoothing is not read. The exact gradient is that of L. In anchor
/// mode the other side's features of each half are constants, as in the softmax contrast: half the
/// exact gradient of the features, and all of that of scale and bias. A pair depends on no other:
/// every rank has the gradients of its own rows once the features have been round, and no gradient
/// travels.
ContrastResult sigmoid_contrast_ring(Queue& queue, Communicator& group, ConstView z_a,
                                     ConstView z_b, SigmoidScalars const& scalars,
                                     ContrastOptions const& options, View dz_a, View dz_b,
                                     SigmoidGradients const& gradients);

}  // namespace accord
