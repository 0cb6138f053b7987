#pragma once
// How benches measure.

#include <chrono>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::app {

double seconds_of(auto&& work) {
  auto const begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// Of an even number of values the larger of the two in the middle. \pre not empty
double median(std::vector<double> values);

/// Seconds of one call: the median of `repeats` after one that warms up, each with what the queue
/// still has to do.
double seconds_of_call(Queue& queue, int repeats, auto&& call) {
  std::vector<double> seconds;
  for (int i = 0; i <= repeats; ++i) {
    double const s = seconds_of([&] {
      call();
      queue.wait();
    });
    if (i > 0) seconds.push_back(s);
  }
  return median(seconds);
}

/// On cuda: whether a matrix product not seen before is timed with each algorithm there is, as
/// before the first step of a run, or takes the first.
void time_choices(Queue& queue, bool timing);

/// Floating-point operations of the products; multiply-add = 2.
double flops_of(std::vector<ProductShape> const& products);
/// Seconds that the products take by themselves: each shape on random operands, best of `repeats`.
double product_seconds(Queue& queue, DType dtype, std::vector<ProductShape> const& products,
                       int repeats);

/// Random values in [-1, 1): zeros would run faster than data does.
Tensor random_operand(Queue& queue, DType dtype, Shape shape, std::uint32_t seed);

/// What the machine gives at best, measured in this run: floating-point operations a second of a
/// large square product, and bytes a second, read and written, of a copy that fits no cache.
struct Limits {
  double flops = 0, bytes = 0;
  Index side = 0;  ///< of that product
};
Limits measure_limits(Queue& queue, DType dtype, int repeats);

}  // namespace accord::app
