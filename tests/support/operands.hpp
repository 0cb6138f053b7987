#pragma once
// Operands of the op under test, filled so that what it must not touch shows.

#include <cmath>
#include <cstdint>
#include <limits>
#include <list>
#include <memory>
#include <vector>

#include "tests/support/op_testing.hpp"

namespace accord::testing {

enum class Layout { dense, strided };

/// Makes and owns the operands of one run of an op. With Layout::strided every matrix is a block of
/// columns in a wider one, whose other columns are NaN: reading them spoils the result.
class Operands {
 public:
  /// `values_of`: the type that values are rounded to before they are held as `dtype`.
  Operands(Queue& queue, DType dtype, Layout layout, DType values_of)
      : queue_(queue), dtype_(dtype), layout_(layout), values_of_(values_of) {}
  Operands(Queue& queue, DType dtype, Layout layout) : Operands(queue, dtype, layout, dtype) {}

  /// Operands in accumulator_of(dtype()): statistics, sums, gradients of parameters.
  Operands& sums() {
    if (!sums_) sums_ = std::make_unique<Operands>(queue_, accumulator_of(dtype_), layout_);
    return *sums_;
  }

  Queue& queue() { return queue_; }
  DType dtype() const { return dtype_; }

  View values(Shape shape, std::vector<double> const& values) {
    bool const strided = layout_ == Layout::strided && shape.rank() == 2;
    Index const n = shape.row_size(), left = strided ? 1 : 0, width = n + (strided ? 4 : 0);
    std::vector<double> padded(static_cast<std::size_t>(shape[0] * width), not_a_number);
    for (Index i = 0; i < shape.size(); ++i)
      padded[i / n * width + left + i % n] =
          values_of_ == DType::bfloat16 ? to_float32(to_bfloat16(static_cast<float>(values[i])))
                                        : values[i];
    if (!strided) return keep(tensor_of(queue_, dtype_, padded, shape));
    return keep(tensor_of(queue_, dtype_, padded, {shape[0], width})).columns(left, n);
  }
  View random(Shape shape, std::uint32_t seed) {
    return values(shape, random_values(shape.size(), seed));
  }
  View zeros(Shape shape) {
    return values(shape, std::vector<double>(static_cast<std::size_t>(shape.size()), 0));
  }
  /// An output that must be overwritten: NaN.
  View unset(Shape shape) {
    return values(shape, std::vector<double>(static_cast<std::size_t>(shape.size()), not_a_number));
  }
  View rows(std::vector<std::int32_t> const& rows) { return keep(Tensor::from_host(queue_, rows)); }
  View bytes(Shape shape, std::vector<std::uint8_t> const& bytes) {
    return keep(Tensor::from_host(queue_, std::span<std::uint8_t const>(bytes), shape));
  }

 private:
  static constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
  View keep(Tensor tensor) { return owned_.emplace_back(std::move(tensor)); }

  Queue& queue_;
  DType dtype_;
  Layout layout_;
  DType values_of_;
  std::list<Tensor> owned_;
  std::unique_ptr<Operands> sums_;
};

}  // namespace accord::testing
