#include "app/bench_timing.hpp"

#include <algorithm>
#include <map>
#include <tuple>

#include "core/ops/gemm.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::app {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

double flops_of(std::vector<ProductShape> const& products) {
  double flops = 0;
  for (ProductShape const& p : products)
    flops += 2.0 * static_cast<double>(p.m) * static_cast<double>(p.n) * static_cast<double>(p.k);
  return flops;
}

double product_seconds(Queue& queue, DType dtype, std::vector<ProductShape> const& products,
                       int repeats) {
  std::map<std::tuple<Index, Index, Index, bool, bool>, int> shapes;
  for (ProductShape const& p : products) ++shapes[{p.m, p.n, p.k, p.transpose_a, p.transpose_b}];
  double total = 0;
  std::uint32_t state = 1;
  auto random = [&](Shape shape) {
    std::vector<float> values(static_cast<std::size_t>(shape.size()));
    for (float& value : values)
      value =
          static_cast<float>(static_cast<std::int32_t>(state = state * 1664525u + 1013904223u)) *
          0x1p-31f;
    if (dtype == DType::float32)
      return Tensor::from_host(queue, std::span<float const>(values), shape);
    std::vector<double> const wide(values.begin(), values.end());
    return Tensor::from_host(queue, std::span<double const>(wide), shape);
  };
  for (auto const& [shape, count] : shapes) {
    auto const [m, n, k, transpose_a, transpose_b] = shape;
    if (m == 0 || n == 0 || k == 0) continue;
    Tensor const a = random(transpose_a ? Shape{k, m} : Shape{m, k}),
                 b = random(transpose_b ? Shape{n, k} : Shape{k, n});
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
