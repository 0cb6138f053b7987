#include "app/bench/timing.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/base/rng.hpp"
#include "core/ops/cuda/gemm_algorithms.hpp"
#include "core/ops/elementwise.hpp"
#include "core/ops/gemm.hpp"

namespace accord::app {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

void time_choices(Queue& queue, bool timing) {
  if (queue.backend() == Backend::cuda) cuda::algorithms_of(queue.stream()).set_timing(timing);
}

double flops_of(std::vector<ProductShape> const& products) {
  double flops = 0;
  for (ProductShape const& p : products)
    flops += 2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return flops;
}

Tensor random_operand(Queue& queue, DType dtype, Shape shape, std::uint32_t seed) {
  Draws const draws(seed, Purpose::synth);
  auto const count = static_cast<std::size_t>(shape.size());
  auto const value = [&](std::size_t i) { return draws.word(i, 0, 0) * 0x1p-31 - 1; };
  if (dtype == DType::float64) {
    std::vector<double> values(count);
    for (std::size_t i = 0; i < count; ++i) values[i] = value(i);
    return Tensor::from_host(queue, std::span<double const>(values), shape);
  }
  std::vector<float> values(count);
  for (std::size_t i = 0; i < count; ++i) values[i] = static_cast<float>(value(i));
  Tensor single = Tensor::from_host(queue, std::span<float const>(values), shape);
  if (dtype == DType::float32) return single;
  Tensor rounded(queue, dtype, shape);
  convert(queue, single, rounded);
  return rounded;
}

Limits measure_limits(Queue& queue, DType dtype, int repeats) {
  bool const device = queue.backend() == Backend::cuda;
  Index const side = device ? 8192 : 1536, bytes = device ? Index{1} << 30 : Index{128} << 20;
  Limits limits{.side = side};
  {
    Tensor const a = random_operand(queue, dtype, {side, side}, 1);
    Tensor const b = random_operand(queue, dtype, {side, side}, 2);
    Tensor c(queue, dtype, {side, side});
    double const seconds = seconds_of_call(
        queue, repeats, [&] { gemm(queue, Transpose::no, a, Transpose::yes, b, c); });
    limits.flops = flops_of({{side, side, side}}) / seconds;
  }
  Tensor const from = Tensor::zeros(queue, DType::uint8, {bytes});
  Tensor to = Tensor::zeros(queue, DType::uint8, {bytes});
  limits.bytes = 2 * static_cast<double>(bytes) /
                 seconds_of_call(queue, repeats, [&] { copy(queue, from, to); });
  return limits;
}

double product_seconds(Queue& queue, DType dtype, std::vector<ProductShape> const& products,
                       int repeats) {
  std::map<std::tuple<Index, Index, Index, bool, bool>, int> shapes;
  for (ProductShape const& p : products) ++shapes[{p.m, p.n, p.k, p.transpose_a, p.transpose_b}];
  double total = 0;
  for (auto const& [shape, count] : shapes) {
    auto const [m, n, k, transpose_a, transpose_b] = shape;
    if (m == 0 || n == 0 || k == 0) continue;
    Tensor const a = random_operand(queue, dtype, transpose_a ? Shape{k, m} : Shape{m, k}, 1),
                 b = random_operand(queue, dtype, transpose_b ? Shape{n, k} : Shape{k, n}, 2);
    Transpose const ta = transpose_a ? Transpose::yes : Transpose::no,
                    tb = transpose_b ? Transpose::yes : Transpose::no;
    Tensor c(queue, dtype, Shape{m, n});
    double best = 1e30;
    for (int i = 0; i < repeats; ++i)
      best = std::min(best, seconds_of([&] {
                        gemm(queue, ta, a, tb, b, c);
                        queue.wait();
                      }));
    total += best * count;
  }
  return total;
}

}  // namespace accord::app
