#pragma once

#include <algorithm>

namespace accord {

/// What a gradient of this norm is multiplied by: min(1, clip_norm / (norm + 1e-6))
/// (docs/model.md 4.5). clip_norm <= 0: 1, no clipping.
inline double clip_coefficient(double clip_norm, double norm) {
  return clip_norm > 0 ? std::min(1.0, clip_norm / (norm + 1e-6)) : 1.0;
}

}  // namespace accord
