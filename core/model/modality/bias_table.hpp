#pragma once

#include <vector>

#include "core/model/config.hpp"
#include "core/model/modality/position_bias.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/ops/attention.hpp"

namespace accord {

/// The relative-position bias of one modality (docs/model.md 1.5): tables with a row per bucket and
/// a column per head, and the buckets that the adapter's family gives. In pretraining all layers
/// use one table, so every pipeline stage holds it, wherever the adapter itself lives; when
/// fine-tuning each layer may have its own (docs/model.md 6), held with the layer.
class BiasTable {
 public:
  /// \param scope  `<wrapper>.<modality>_adapter`
  /// \param layers  numbers of the tables of this rank, ascending; {0} for the shared one
  BiasTable(Queue& queue, ParameterScope const& scope, ModalityConfig const& config, Index heads,
            std::vector<Index> layers);

  /// Of table `layer`, heads of this rank.
  PositionBias bias(Index layer) const;

 private:
  BiasTable(Queue& queue, ParameterScope const& scope, BucketMatrix const& buckets, Index heads,
            std::vector<Index> layers);

  ParameterStore* store_;
  std::vector<Index> layers_;
  std::vector<int> tables_;  ///< of each of them
  Tensor bucket_;
};

}  // namespace accord
