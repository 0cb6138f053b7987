#pragma once
// NumPy's .npy to what a patch-sequence adapter reads: series, videos, anything sampled on a grid.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// A decoded array.
struct Array {
  std::vector<Index> shape;
  std::vector<float> values;  ///< C order: the last index runs fastest
};

/// What a header promises.
struct ArrayShape {
  std::string_view element;  ///< NumPy's name of its type: "float32"
  std::vector<Index> shape;
};

/// What an array may cost. Checked against its header, before anything of its size is allocated.
struct ArrayLimits {
  std::size_t max_dimensions = 8;
  Index max_elements = 64 << 20;
};

/// The whole array: .npy of format 1.0 to 3.0, of booleans, integers or floating-point numbers in
/// either byte order, C or Fortran order. Values are rounded to float32 as they stand: no scale is
/// applied. Thread-safe.
/// \throws DataError saying what was found: another format, another type of element, which limit
/// the header exceeds, no elements, another number of bytes than the shape needs, values that are
/// not finite in float32. The caller adds the name of the sample.
Array decode_array(std::span<std::byte const> bytes, ArrayLimits const& limits = {});

/// Type and shape from the header, against the number of bytes; the same limits and errors, but
/// values are not looked at.
ArrayShape array_shape(std::span<std::byte const> bytes, ArrayLimits const& limits = {});

/// "50 x 3"
std::string shape_text(std::vector<Index> const& shape);

}  // namespace accord::io
