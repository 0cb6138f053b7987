#pragma once
// Names that outside tools rely on (docs/model.md 9.4).

#include <string>

#include "core/model/config.hpp"

namespace accord {

/// First letter of a modality; the whole name where another modality begins alike.
std::string short_name(ModelConfig const& model, Modality modality);

/// "i2t": from a to b.
std::string direction_name(ModelConfig const& model, Modality a, Modality b);

}  // namespace accord
