#pragma once
// How benches measure.

#include <chrono>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/queue.hpp"

namespace accord::app {

double seconds_of(auto&& work) {
  auto const begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Of an even number of values the larger of the two in the middle. \pre not empty
double median(std::vector<double> values);

/// Floating-point operations of the products; multiply-add = 2.
double flops_of(std::vector<ProductShape> const& products);
/// Seconds that the products take by themselves: each shape on random operands, best of `repeats`.
double product_seconds(Queue& queue, DType dtype, std::vector<ProductShape> const& products,
                       int repeats);

}  // namespace accord::app
