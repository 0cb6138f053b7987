#include "core/model/projection.hpp"

#include "core/model/parameter_names.hpp"
#include "core/ops/normalize.hpp"
#include "core/ops/rows.hpp"

namespace accord {

Projection::Projection(ParameterScope const& scope, std::string const& modality, Index embed_dim)
    : linear_(add_linear((scope / official::projection(modality)).of_modality(modality), embed_dim,
                         embed_dim)) {}

void Projection::forward(Queue& queue, ConstView features, Saved& saved) const {
  Index const b = saved.rows.size();
  saved.cls = Tensor(queue, features.dtype(), Shape{b, features.extent(1)});
  gather_rows(queue, features, saved.rows, saved.cls);
  saved.z = linear_.forward(queue, saved.cls);
  saved.inverse_norm = Tensor(queue, accumulator_of(features.dtype()), Shape{b});
  normalize_forward(queue, saved.z, saved.z, saved.inverse_norm);
}

void Projection::backward(Queue& queue, ConstView dz, Saved const& saved, View dfeatures) const {
  Tensor dy(queue, saved.z.dtype(), saved.z.shape());
  normalize_backward(queue, dz, saved.z, saved.inverse_norm, dy);
  Tensor const dcls = linear_.backward(queue, dy, saved.cls);
  add_rows(queue, dcls, {}, dfeatures, saved.rows);
}

}  // namespace accord
