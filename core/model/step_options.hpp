#pragma once

#include <cstdint>

#include "core/base/build.hpp"
#include "core/loss/contrastive.hpp"
#include "core/nn/recompute.hpp"

namespace accord {

/// What a training step needs to know beside the model and the data.
struct StepOptions {
  Index global_batch = 0;
  std::uint32_t seed = 0;
  Recompute recompute = Recompute::none;
  bool skip_branches =
      true;  ///< false: compute dropped branches and multiply by 0 (a plain step, for comparison)
  bool pad = false;  ///< pad each pool's sequences to one length (likewise)
  ContrastGradient contrast_gradient = ContrastGradient::exact;
  /// Where the data are gone over twice: compare the embeddings of both passes (float64).
  bool compare_passes = build::debug;
};

}  // namespace accord
