#include "core/tensor/initial_values.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

#include "core/base/parallel_for.hpp"
#include "core/base/rng.hpp"

namespace accord {
namespace {

std::uint64_t fnv1a(std::string const& text) {
  std::uint64_t hash = 14695981039346656037ull;
  for (unsigned char c : text) hash = (hash ^ c) * 1099511628211ull;
  return hash;
}

// The inverse of the standard normal distribution function: Acklam's rational approximation
// (relative error 1.2e-9), then one step of Halley's method, which brings it to double precision.
double normal_quantile(double p) {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02,
                          6.680131188771972e+01, -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00,
                          3.754408661907416e+00};
  double x;
  if (p < 0.02425 || p > 1 - 0.02425) {
    double const tail = p < 0.5 ? p : 1 - p;
    double const q = std::sqrt(-2 * std::log(tail));
    x = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) /
        ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    if (p > 0.5) x = -x;
  } else {
    double const q = p - 0.5, r = q * q;
    x = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  double const e = 0.5 * std::erfc(-x / std::numbers::sqrt2) - p;
  double const u = e * std::sqrt(2 * std::numbers::pi) * std::exp(x * x / 2);
  return x - u / (1 + x * u / 2);
}

}  // namespace

double initial_value(InitMode mode, ParameterSpec const& spec, std::uint32_t seed, Index element) {
  Draws const draws(seed, Purpose::init);
  auto const index = static_cast<std::uint64_t>(element);
  // (0, 1): the half keeps the quantile finite.
  double const u = (draws.word(fnv1a(spec.name), static_cast<std::uint32_t>(index >> 32),
                               static_cast<std::uint32_t>(index)) +
                    0.5) *
                   0x1p-32;
  Init const& init = spec.init;
  double const fan_in = static_cast<double>(std::max<Index>(init.fan_in, 1));
  if (mode == InitMode::dense) {
    // Matrices keep the signal's size; everything else moves around its usual value far enough to
    // matter.
    if (init.fan_in > 0) return normal_quantile(u) / std::sqrt(fan_in);
    if (init.kind == Init::Kind::constant && spec.shape.rank() == 0)
      return init.value;  // logit_scale
    bool const layer_scale =
        init.kind == Init::Kind::constant && init.value != 0 && init.value < 0.5;
    double const centre = layer_scale ? 0.3 : init.kind == Init::Kind::constant ? init.value : 0.0;
    return centre + (layer_scale ? 0.1 : 0.2) * (2 * u - 1);
  }
  if (mode == InitMode::fan_in && init.linear) return normal_quantile(u) / std::sqrt(fan_in);
  switch (init.kind) {
    case Init::Kind::constant:
      return init.value;
    case Init::Kind::uniform_fan_in:
      return (2 * u - 1) / std::sqrt(fan_in);
    case Init::Kind::kaiming_normal:
      return normal_quantile(u) * std::sqrt(2 / fan_in);
    case Init::Kind::truncated_normal: {
      double const low = 0.5 * std::erfc(1 / std::numbers::sqrt2);  // Phi(-1)
      return 0.02 * normal_quantile(low + u * (1 - 2 * low));
    }
  }
  return 0;
}

namespace {

template <class T>
T rounded(double value) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(static_cast<float>(value));
  else
    return static_cast<T>(value);
}

template <class T>
void fill(Queue& queue, ParameterStore& store, InitMode mode, std::uint32_t seed) {
  std::vector<T> values;
  for (ParameterPiece const& piece : store.pieces(0, store.total_size())) {
    ParameterSpec const& spec = store.spec(piece.parameter);
    values.resize(static_cast<std::size_t>(piece.count));
    parallel_for(piece.count, 4096, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        values[static_cast<std::size_t>(i)] =
            rounded<T>(initial_value(mode, spec, seed, piece.logical_begin + i));
    });
    upload(queue, values.data(), store.flat_values().rows(piece.flat_begin, piece.count));
  }
}

}  // namespace

void initialise(Queue& queue, ParameterStore& store, InitMode mode, std::uint32_t seed) {
  queue.wait();
  if (store.dtype() == DType::float64) return fill<double>(queue, store, mode, seed);
  if (store.dtype() == DType::float32) return fill<float>(queue, store, mode, seed);
  fill<BFloat16>(queue, store, mode, seed);
}

}  // namespace accord
