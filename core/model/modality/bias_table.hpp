#pragma once

#include "core/model/config.hpp"
#include "core/model/modality/position_bias.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/ops/attention.hpp"

namespace accord {

/// The relative-position bias of one modality (spec 1.5): a table with a row per bucket and a
/// column per head, and the buckets that the adapter's family gives. All layers use it, so every
/// pipeline stage holds it, wherever the adapter itself lives.
class BiasTable {
 public:
  /// \param scope  `<wrapper>.<modality>_adapter`
  BiasTable(Queue& queue, ParameterScope const& scope, ModalityConfig const& config, Index heads);

  /// Heads of this rank.
  PositionBias bias() const;

 private:
  BiasTable(Queue& queue, ParameterScope const& scope, BucketMatrix const& buckets, Index heads);

  ParameterStore* store_;
  int table_;
  Tensor bucket_;
};

}  // namespace accord
