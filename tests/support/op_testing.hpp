#pragma once
// Random tensors, comparisons and finite differences for tests of ops.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <vector>

#include "core/base/device.hpp"
#include "core/base/rng.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::testing {

/// Values in [-1, 1), a function of seed and index, exactly representable in float32.
inline std::vector<double> random_values(Index count, std::uint32_t seed) {
  Draws const draws(seed, Purpose::init);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (Index i = 0; i < count; ++i)
    values[i] = (draws.word(static_cast<std::uint64_t>(i), 0, 0) >> 8) * 0x1p-23 - 1;
  return values;
}

/// The values rounded to a floating type.
inline Tensor tensor_of(Queue& queue, DType dtype, std::vector<double> const& values, Shape shape) {
  if (dtype == DType::float64)
    return Tensor::from_host(queue, std::span<double const>(values), shape);
  std::vector<float> const rounded(values.begin(), values.end());
  if (dtype == DType::bfloat16) {
    std::vector<BFloat16> narrow;
    for (float const value : rounded) narrow.push_back(to_bfloat16(value));
    return Tensor::from_host(queue, std::span<BFloat16 const>(narrow), shape);
  }
  return Tensor::from_host(queue, std::span<float const>(rounded), shape);
}

inline Tensor random_tensor(Queue& queue, DType dtype, Shape shape, std::uint32_t seed) {
  return tensor_of(queue, dtype, random_values(shape.size(), seed), shape);
}

/// A floating view as doubles.
inline std::vector<double> values_of(Queue& queue, ConstView view) {
  if (view.dtype() == DType::float64) return to_host<double>(queue, view);
  if (view.dtype() == DType::bfloat16) {
    std::vector<double> values;
    for (BFloat16 const value : to_host<BFloat16>(queue, view)) values.push_back(to_float32(value));
    return values;
  }
  std::vector<float> const values = to_host<float>(queue, view);
  return {values.begin(), values.end()};
}

inline double dot(std::vector<double> const& a, std::vector<double> const& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

/// Largest distance, each at most `tolerance`.
inline void expect_near(std::vector<double> const& got, std::vector<double> const& want,
                        double tolerance, char const* what) {
  ASSERT_EQ(got.size(), want.size()) << what;
  double largest = 0;
  std::size_t at = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    double const distance = std::abs(got[i] - want[i]);
    if (!(distance <= largest)) largest = distance, at = i;
  }
  if (got.empty()) return;
  EXPECT_LE(largest, tolerance) << what << "[" << at << "]: " << got[at] << ", want " << want[at];
}

/// Compares the gradient of f at x, every `stride`-th element of it, with central differences of
/// fourth order: those of second order are off by h^2 f''' / 6, which a norm over few columns makes
/// large.
inline void expect_gradient(std::vector<double> x, std::vector<double> const& gradient,
                            std::function<double(std::vector<double> const&)> const& f,
                            double tolerance, char const* what, std::size_t stride = 1) {
  ASSERT_EQ(x.size(), gradient.size()) << what;
  double const h = 3e-5;
  for (std::size_t i = 0; i < x.size(); i += stride) {
    double const center = x[i];
    auto const at = [&](double step) {
      x[i] = center + step;
      return f(x);
    };
    double const slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
    x[i] = center;
    EXPECT_NEAR(gradient[i], slope, tolerance) << what << "[" << i << "]";
  }
}

}  // namespace accord::testing

/// Skips the test where there is no CUDA device, saying why.
#define ACCORD_NEEDS_DEVICE() \
  if (::accord::probe_devices().count == 0) GTEST_SKIP() << ::accord::probe_devices().reason
