#pragma once

#include "core/model/batch.hpp"

namespace accord {

/// Floating-point operations of one training step on these samples, as the model demands them: real
/// tokens, every residual branch, backward the gradients of inputs and of the weights that train,
/// nothing computed twice (docs/model.md 8.1). What trains is judged by groups of parameters, as
/// trains() does it; an adapter that trains counts three times its forward, but for the products
/// with the item's own values twice: pixels and samples get no gradient. A contrast counts with the
/// gradients of both its sides, whichever of them contrast_gradient takes. Multiply-add = 2; matrix
/// products, attention and the two losses' similarities count, elementwise work does not.
/// \param global_batch  candidates of the contrast
double model_flops(ModelConfig const& config, std::vector<Pass> const& passes,
                   MicroBatch const& batch, Index global_batch);

}  // namespace accord
