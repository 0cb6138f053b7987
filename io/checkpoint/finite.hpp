#pragma once
// Numbers that are none have no place in a checkpoint: a run that starts from them is lost.

#include <cstddef>
#include <optional>
#include <span>

#include "core/base/dtype.hpp"

namespace accord::io {

/// The place of the first value that is infinite or not a number.   \param values  float32 or
/// float64
std::optional<Index> first_not_finite(DType dtype, std::span<std::byte const> values);

}  // namespace accord::io
