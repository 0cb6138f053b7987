#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "core/base/dtype.hpp"

namespace accord::io {

/// Values of a list of tensors that are not held in memory, in an encoding that both sides know:
/// fills `out` with those of tensor number `tensor`, row-major, from element `begin` on.
using TensorValues = std::function<void(std::size_t tensor, Index begin, std::span<std::byte> out)>;

}  // namespace accord::io
