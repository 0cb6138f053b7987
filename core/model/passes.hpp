#pragma once

#include "core/model/config.hpp"

namespace accord {

/// One forward through the encoder of every sample: which modalities, masked or whole, with or
/// without gradient.
struct Pass {
  std::vector<Modality> modalities;  ///< ascending
  bool masked = false;
  bool gradient = false;    ///< some term sends a gradient into it
  bool contrasted = false;  ///< its class-token outputs enter a contrast (unimodal, unmasked)
  friend bool operator==(Pass const&, Pass const&) = default;
};

/// The passes that the objectives need, each once. One takes a gradient, or is contrasted, where
/// some objective says so. Order, which random draws depend on: unmasked passes, unimodal ones
/// first, then masked ones likewise; within each by modality. Stage 1: text, image, text+image, and
/// the same three masked.
std::vector<Pass> resolve_passes(ModelConfig const& config);
/// Index of the pass of these modalities. \throws Error if there is none.
int find_pass(std::vector<Pass> const& passes, std::vector<Modality> const& modalities,
              bool masked);

}  // namespace accord
