#pragma once

#include <cstdint>

#include "core/tensor/parameter_store.hpp"

namespace accord {

/// Which initial values a run starts from ([train] init).
enum class InitMode : std::uint8_t {
  official,  ///< docs/model.md 1.10
  fan_in,    ///< as official, Linear weights normal with std 1/sqrt(fan_in): small widths hardly
             ///< learn without it
  dense,  ///< every parameter random, LayerScale around 0.3: for tests that must see every gradient
};

/// The initial value of one element of a logical tensor: a pure function of (seed, name, element),
/// computed in double, so that a shard equals its slice of the whole.
double initial_value(InitMode mode, ParameterSpec const& spec, std::uint32_t seed, Index element);

/// Fills every parameter of the store. LayerScale and padding rows are the specs' business
/// (Init::value, row 1 of token tables is zeroed by the adapter that owns it).
void initialise(Queue& queue, ParameterStore& store, InitMode mode, std::uint32_t seed);

}  // namespace accord
