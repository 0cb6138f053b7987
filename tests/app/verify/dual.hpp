#pragma once
// Numbers that carry one derivative, so that a computation written once for any number type gives
// exact gradients, one input at a time, without a backward of its own.

#include <cmath>
#include <numbers>

namespace accord::testing {

struct Dual {
  double value = 0, slope = 0;
  Dual() = default;
  Dual(double v, double s = 0) : value(v), slope(s) {}  // NOLINT: plain numbers are constants

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.slope + b.slope}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.slope - b.slope}; }
  friend Dual operator-(Dual a) { return {-a.value, -a.slope}; }
  friend Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, a.slope * b.value + a.value * b.slope};
  }
  friend Dual operator/(Dual a, Dual b) {
    return {a.value / b.value, (a.slope - a.value / b.value * b.slope) / b.value};
  }
  Dual& operator+=(Dual b) { return *this = *this + b; }
  friend Dual exp(Dual a) { return {std::exp(a.value), std::exp(a.value) * a.slope}; }
  friend Dual log(Dual a) { return {std::log(a.value), a.slope / a.value}; }
  friend Dual sqrt(Dual a) { return {std::sqrt(a.value), a.slope / (2 * std::sqrt(a.value))}; }
  friend Dual erf(Dual a) {
    return {std::erf(a.value),
            2 * std::numbers::inv_sqrtpi * std::exp(-a.value * a.value) * a.slope};
  }
};

inline double value_of(double x) { return x; }
inline double value_of(Dual x) { return x.value; }

}  // namespace accord::testing
