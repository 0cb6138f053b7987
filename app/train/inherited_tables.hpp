#pragma once
// Tensors of a new model that its source holds for another grid of patches, or once for all layers:
// what `train.init_from` makes of them (spec section 6).

#include <string>
#include <vector>

#include "core/comm/communicator.hpp"
#include "core/model/config.hpp"
#include "io/checkpoint/load.hpp"
#include "parallel/data/sharded_optimizer.hpp"

namespace accord::app {

/// A tensor that is made of another one.
struct Inherited {
  std::string name;    ///< in the new model
  std::string source;  ///< in the checkpoint
  Shape from, to;
};

/// The position-bias table of a layer comes from the source's table for all layers where it has
/// none for this one; tables of a larger grid are resized (interpolation.hpp). Others are not
/// listed: they are loaded as they are, or start afresh.
std::vector<Inherited> inherited_tensors(std::vector<ParameterSpec> const& parameters,
                                         ModelConfig const& model, io::Manifest const& source);

/// The whole of an inherited tensor.   source: values [from]   \returns values [to]
/// \throws UsageError for a position-bias table that would shrink, DataError for sizes that are no
/// tables of a grid
std::vector<double> inherit(Inherited const& tensor, std::vector<double> const& source);

/// Collective. Fills what this rank holds of the inherited tensors.
void load_inherited(Communicator& world, Queue& queue, io::OpenCheckpoint const& checkpoint,
                    std::vector<Inherited> const& tensors, ParameterStore const& store,
                    parallel::ShardedOptimizer& optimizer, io::LoadOptions const& options);

}  // namespace accord::app
