#pragma once

#include <cstdint>
#include <limits>
#include <string>

#include "core/tensor/shape.hpp"

namespace accord {

/// Which part of a model a parameter is. Who makes it says so; nobody reads it out of its name.
struct ParameterPart {
  /// What becomes of it where a run begins with the weights of another.
  enum class Kind : std::uint8_t {
    weights,         ///< it takes them as they are
    position_table,  ///< a row for each position: may be resized
    bias_table,      ///< a row for each bucket of relative positions: may be resized, or be shared
    class_head,      ///< for the same classes it takes the weights, for others it begins anew
    temperature,     ///< of a contrast: it begins anew (docs/model.md 2.4)
  };
  Kind kind = Kind::weights;
  std::string modality = "";  ///< whose it is; empty: of all
  /// Layers from the input to it: 0 in an adapter, l + 1 in layer l of the encoder and its bias
  /// tables, more in all that comes behind.
  Index depth = 0;
};

/// The update holds values within these.
struct ParameterBounds {
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
};

}  // namespace accord
