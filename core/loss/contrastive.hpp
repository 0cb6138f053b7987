#pragma once
// Cross-modal contrast over the global batch (docs/model.md 2.1), features travelling a ring of
// ranks (docs/model.md 9.2).

#include "core/comm/communicator.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

enum class ContrastGradient : std::uint8_t {
  exact,   ///< of the loss over the global batch: through queries and keys
  anchor,  ///< the official code's: the other side's features are constants (docs/model.md 2.1)
};

struct ContrastOptions {
  ContrastGradient gradient = ContrastGradient::exact;
  double label_smoothing = 0;
  double weight = 1;  ///< multiplies the gradients, not the loss
  Index tile = 1024;  ///< keys whose logits are held at once: memory and speed only
};

/// This rank's share, each [1] in the accumulator type: summed over the group they are the global
/// batch's.
struct ContrastResult {
  Tensor loss;                      ///< already divided by the global count, unweighted
  Tensor a2b_correct, b2a_correct;  ///< rows whose best match is their own
};

/// L = 1/2 [mean_i CE(scale a_i . all b, i) + mean_j CE(scale b_j . all a, j)] over the global
/// batch. z_a, z_b [n, d]: this rank's rows, unit length; rank r of `group` holds global rows [r n,
/// (r + 1) n).   scale [1] dz_a, dz_b [n, d] (overwritten), dscale [1] (added to): weight x
/// gradient of the global loss, accumulator type; summed over the group dscale is the whole. Empty:
/// not wanted. Collective over the group. The b x B logits are never stored; memory does not grow
/// with the number of ranks. Partial results merge in the ring's order r, r - 1, ...: a function of
/// the layout, never of timing.
ContrastResult contrast_ring(Queue& queue, Communicator& group, ConstView z_a, ConstView z_b,
                             ConstView scale, ContrastOptions const& options, View dz_a, View dz_b,
                             View dscale);

/// The same by all-gather: memory grows with the group. Fallback and oracle.
ContrastResult contrast_gathered(Queue& queue, Communicator& group, ConstView z_a, ConstView z_b,
                                 ConstView scale, ContrastOptions const& options, View dz_a,
                                 View dz_b, View dscale);

}  // namespace accord
