#pragma once
// Elementary functions without branches or calls, so that loops over them become vector
// instructions. The float forms are minimax fits; the double forms are the library's.

#include <bit>
#include <cmath>
#include <cstdint>

namespace accord::cpu {

/// e^x, relative error below 2e-7; 0 and infinity beyond the range of float, NaN for NaN.
inline float fast_exp(float x) {
  float const y = x < -104.f ? -104.f : (x > 89.f ? 89.f : x);
  // Adding 1.5 * 2^23 rounds to the nearest integer and leaves it in the low bits.
  constexpr float round = 0x1.8p23f;
  float const shifted = y * 0x1.715476p0f + round;
  float const n = shifted - round;
  float const r = (y - n * 0x1.62e4p-1f) - n * 1.42860677e-6f;  // ln 2 in two parts
  float const tail =
      (((0.00138131448f * r + 0.00836941879f) * r + 0.0416684560f) * r + 0.166665152f) * r +
      0.499999940f;
  float const power = 1.f + (r + r * r * tail);
  // 2^n in two factors, since 2^128 and 2^-150 are no floats while the product may be one.
  std::int32_t const exponent =
      std::bit_cast<std::int32_t>(shifted) - std::bit_cast<std::int32_t>(round);
  std::int32_t const half = exponent >> 1;
  return power * std::bit_cast<float>((half + 127) << 23) *
         std::bit_cast<float>((exponent - half + 127) << 23);
}
inline double fast_exp(double x) { return std::exp(x); }

/// Distribution and density of the standard normal at x.
template <class T>
struct Normal {
  T cdf, density;
};

/// cdf within 2e-7 (relative, below zero), density within 1e-6 relative for |x| < 5.
inline Normal<float> normal(float x) {
  constexpr float inverse_sqrt_two_pi = 0.398942280f;
  float const bell = fast_exp(-0.5f * x * x);
  // The upper tail is bell * t * polynomial(t), t = 1 / (1 + 0.27 |x|).
  float const t = 1.f / (1.f + 0.27f * std::fabs(x));
  float polynomial = 0.0289152712f;
  polynomial = polynomial * t - 0.126255244f;
  polynomial = polynomial * t + 0.169291362f;
  polynomial = polynomial * t - 0.0686209276f;
  polynomial = polynomial * t + 0.107399397f;
  polynomial = polynomial * t + 0.0722403079f;
  polynomial = polynomial * t + 0.101759158f;
  polynomial = polynomial * t + 0.107550509f;
  polynomial = polynomial * t + 0.107720181f;
  float const tail = bell * t * polynomial;
  return {x < 0 ? tail : 1.f - tail, bell * inverse_sqrt_two_pi};
}
inline Normal<double> normal(double x) {
  constexpr double inverse_sqrt_two = 0.70710678118654752440;
  constexpr double inverse_sqrt_two_pi = 0.39894228040143267794;
  return {0.5 * std::erfc(-x * inverse_sqrt_two), inverse_sqrt_two_pi * std::exp(-0.5 * x * x)};
}

}  // namespace accord::cpu
