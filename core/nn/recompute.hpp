#pragma once

#include <cstdint>

namespace accord {

/// What a layer keeps of its forward for the backward ([train] recompute). Changes memory and time,
/// never results.
enum class Recompute : std::uint8_t {
  none,       ///< keep every operand of a GEMM
  selective,  ///< rebuild norms' outputs, GeGLU's among them, which cost bytes, not FLOPs
  layer,      ///< keep the layer's input only and run its forward again
};

}  // namespace accord
