#pragma once
// Tensors of a new model that its source holds for another grid of patches, or once for all layers:
// what `train.init_from` makes of them (docs/model.md 6).

#include <string>
#include <vector>

#include "core/comm/communicator.hpp"
#include "core/model/config.hpp"
#include "core/model/modality/adapter.hpp"
#include "io/checkpoint/load.hpp"
#include "parallel/data/sharded_optimizer.hpp"

namespace accord::app {

/// A tensor that is made of another one.
struct Inherited {
  ParameterSpec parameter;                       ///< in the new model
  std::string source;                            ///< its name in the checkpoint
  Shape from;                                    ///< its shape there
  decltype(AdapterFamily::resize_table) resize;  ///< null: as it is
};

/// The position-bias table of a layer comes from the source's table for all layers where it has
/// none for this one; tables of another size are resized where the family of adapters knows how
/// (AdapterFamily::resize_table). Others are not listed: they are loaded as they are, or start
/// afresh.
std::vector<Inherited> inherited_tensors(std::vector<ParameterSpec> const& parameters,
                                         ModelConfig const& model, io::Manifest const& source);

/// The whole of an inherited tensor.   source: values [from]   \returns its values \throws as
/// resize_table
std::vector<double> inherited_values(Inherited const& tensor, std::vector<double> const& source);

/// Collective. Fills what this rank holds of the inherited tensors.
void load_inherited(Communicator& world, Queue& queue, io::OpenCheckpoint const& checkpoint,
                    std::vector<Inherited> const& tensors, ParameterStore const& store,
                    parallel::ShardedOptimizer& optimizer, io::LoadOptions const& options);

}  // namespace accord::app
