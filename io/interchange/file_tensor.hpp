#pragma once
// What the two formats of tensor files have in common: what a tensor is to be read, and what it
// takes to write one.

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "core/tensor/shape.hpp"
#include "io/file/tensor_values.hpp"
#include "io/interchange/encoding.hpp"

namespace accord::io {

/// A tensor of a file: contiguous values, row-major, little-endian.
struct FileTensor {
  std::string name;
  Encoding encoding = Encoding::float32;
  Shape shape;
  std::uint64_t offset = 0;  ///< of its first byte in the file; unused of a tensor to be written
  /// Why its values cannot be had, as `dtype "F8_E4M3"`; then encoding and shape say nothing.
  /// Empty: they can.
  std::string unreadable = {};

  std::uint64_t bytes() const {
    return static_cast<std::uint64_t>(shape.size()) * size_of(encoding);
  }
};

/// A shape as a file gives it. \throws DataError saying what is wrong: more dimensions than we
/// have, a negative extent, more elements than a file could hold
Shape checked_shape(std::span<std::int64_t const> extents);

/// For FileTensor::unreadable.
std::string too_many_dimensions(std::size_t count);

/// Asks `values` for all of one tensor in its encoding, from its front to its back, piece by piece,
/// and hands each to `sink`.
void stream_values(FileTensor const& tensor, std::size_t number, TensorValues const& values,
                   std::function<void(std::span<std::byte const>)> const& sink);

}  // namespace accord::io
