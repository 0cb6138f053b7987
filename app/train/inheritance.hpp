#pragma once
// What a new run takes from the weights it starts from (train.init_from).

#include <string>
#include <vector>

#include "core/tensor/parameter_store.hpp"

namespace accord::app {

/// Names of tensors.
struct Inheritance {
  std::vector<std::string> fresh;    ///< of parts that the source has not at all: they start anew
  std::vector<std::string> missing;  ///< of parts that it has: it is of another model, or damaged
  std::vector<std::string> unused;   ///< the source's that the run does not know
};

/// A part is a modality, known by components such as image_adapter and image_ffn, or what stands
/// before the first dot of a name: decoder_wrapper, image_proj.
/// \param source  names of a file
Inheritance inheritance_of(std::vector<ParameterSpec> const& run,
                           std::vector<std::string> const& source);

/// "a, b and 7 others"
std::string shortened(std::vector<std::string> const& names);

}  // namespace accord::app
