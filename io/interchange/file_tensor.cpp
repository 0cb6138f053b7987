#include "io/interchange/file_tensor.hpp"

#include <algorithm>

#include "core/base/check.hpp"

namespace accord::io {

Shape checked_shape(std::span<std::int64_t const> extents) {
  constexpr std::int64_t limit = std::int64_t{1} << 50;
  if (extents.size() > Shape::max_rank) throw DataError(too_many_dimensions(extents.size()));
  Shape shape;
  std::int64_t elements = 1;
  for (std::int64_t const extent : extents) {
    if (extent < 0 || (extent > 0 && elements > limit / extent))
      throw DataError(fmt::format("a dimension of {}", extent));
    elements = std::max<std::int64_t>(elements * extent, 1);
    shape.push_back(extent);
  }
  return shape;
}

std::string too_many_dimensions(std::size_t count) {
  return fmt::format("{} dimensions; at most {} are read", count, Shape::max_rank);
}

void stream_values(FileTensor const& tensor, std::size_t number, TensorValues const& values,
                   std::function<void(std::span<std::byte const>)> const& sink) {
  constexpr Index piece = 2 << 20;  // elements held at a time
  std::vector<std::byte> buffer;
  for (Index begin = 0; begin < tensor.shape.size(); begin += piece) {
    auto const count = static_cast<std::size_t>(std::min(piece, tensor.shape.size() - begin));
    buffer.resize(count * size_of(tensor.encoding));
    values(number, begin, buffer);
    sink(buffer);
  }
}

}  // namespace accord::io
