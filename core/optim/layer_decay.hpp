#pragma once

#include <vector>

#include "core/tensor/parameter_store.hpp"

namespace accord {

/// Factors on the learning rate by parameter id (AdamwOptions::learning_rate_scale), smaller the
/// nearer a parameter is to the input: decay^(layers + 1 - j), where j is the depth of its part. So
/// all that comes behind the encoder's `layers` layers has a factor of 1 (docs/model.md 4.8). A
/// bias table that all layers share is layer 0's. They multiply the scheduled rate, its minimum
/// included. Empty for decay = 1.
std::vector<double> layer_decay_scales(ParameterStore const& store, double decay, Index layers);

}  // namespace accord
