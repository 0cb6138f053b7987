#pragma once
// Masked denoising contrast (docs/model.md 2.2): a masked token's predicted feature against the
// teacher's features of its pool.

#include <vector>

#include "core/tensor/tensor.hpp"

namespace accord {

/// Samples whose teacher features are one another's candidates (docs/model.md 9.1): ranges of the
/// packed rows.
struct DenoisePool {
  Index query_begin = 0, queries = 0;
  Index key_begin = 0, keys = 0;
};

struct DenoisePlan {
  std::vector<DenoisePool> pools;  ///< of this micro-batch
  Tensor targets;          ///< int64 [queries]: each query's own token among the keys of its pool
  Index global_pools = 1;  ///< of the whole global batch: the term is a mean over them
};

struct DenoiseOptions {
  double scale = 2.5;  ///< 1 / temperature
  double label_smoothing = 0.1;
  Index tile = 1024;  ///< keys whose logits are held at once: memory and speed only
};

/// One denoising term. student [queries, d], teacher [keys, d]: features as they come, normalised
/// here; the teacher's are constants. Each pool contributes the mean over its queries (0 without
/// queries), the term is the mean over all pools. loss [1] += this rank's share, unweighted
/// (accumulator type);  dstudent [queries, d] = weight x gradient, overwritten.
void denoise(Queue& queue, ConstView student, ConstView teacher, DenoisePlan const& plan,
             DenoiseOptions const& options, double weight, View loss, View dstudent);

}  // namespace accord
