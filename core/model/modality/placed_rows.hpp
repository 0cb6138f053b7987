#pragma once

#include <vector>

#include "core/model/modality/adapter.hpp"

namespace accord {

/// The rows of a placement by what is added to them: u = [cls; feature] + position, where items are
/// cut into patches, each with a feature, and positions are absolute.
class PlacedRows {
 public:
  /// \param first  of each sample: the row of its first feature among those of all
  PlacedRows(Queue& queue, RowPlacement const& placement, std::vector<Index> const& first);

  /// Adds u to x.   features [patches of all items, d]   cls [1, d]   positions [tokens, d]
  void forward(Queue& queue, ConstView features, ConstView cls, ConstView positions, View x) const;
  /// Adds to the gradients given dx; those that are empty are left out.
  void backward(Queue& queue, ConstView dx, View dfeatures, View dcls, View dpositions) const;

 private:
  Tensor feature_rows_, features_, cls_rows_, zeros_, all_rows_, positions_;  ///< int32
};

}  // namespace accord
