#pragma once

#include "core/nn/linear.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {

/// z = normalise(W f_cls + b): the embedding that contrast and retrieval compare
/// (docs/model.md 1.9),
/// `<m>_proj`.
class Projection {
 public:
  struct Saved {
    Tensor rows;          ///< int32 [b]: class-token rows in the features
    Tensor cls;           ///< [b, d]
    Tensor inverse_norm;  ///< [b]
    Tensor z;             ///< [b, d]
  };

  Projection(ParameterScope const& scope, std::string const& modality, Index embed_dim);

  /// Fills saved.z from rows `saved.rows` of features [R, d].
  void forward(Queue& queue, ConstView features, Saved& saved) const;
  /// dfeatures[rows] += gradient; adds to the gradients of W and b.
  void backward(Queue& queue, ConstView dz, Saved const& saved, View dfeatures) const;

 private:
  Linear linear_;
};

}  // namespace accord
