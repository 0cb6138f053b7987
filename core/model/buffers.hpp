#pragma once
// What the official modules keep beside their parameters (docs/model.md 1.11, buffers): index
// matrices and a version, which follow from the configuration. Nothing here is computed from them;
// they are compared when a foreign checkpoint is read and written where the official code expects
// them.

#include <string>
#include <vector>

#include "core/model/config.hpp"
#include "core/tensor/shape.hpp"

namespace accord {

struct Buffer {
  std::string name;
  Shape shape;
  DType dtype = DType::int64;  ///< or float32
  std::vector<std::int32_t> values;
};

/// Those of the whole model, under their official names; of the decoder if there is one.
std::vector<Buffer> official_buffers(ModelConfig const& config);

}  // namespace accord
