#pragma once

#include <vector>

#include "core/tensor/parameter_store.hpp"

namespace accord {

/// Factors on the learning rate by parameter id (AdamwOptions::learning_rate_scale), smaller the
/// nearer a parameter is to the input: decay^(layers + 1 - j) with j = 0 for the adapters, j = i +
/// 1 for layer i of the encoder and for its position-bias table, j = layers + 1, a factor of 1, for
/// final norms, heads, decoder and all else (spec 4.8). A table that all layers share is layer 0's.
/// They multiply the scheduled rate, its minimum included. Empty for decay = 1.
std::vector<double> layer_decay_scales(ParameterStore const& store, double decay, Index layers);

}  // namespace accord
