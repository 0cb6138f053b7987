#include "app/verify/sampling.hpp"

#include <algorithm>
#include <cmath>

namespace accord::app {
namespace {

constexpr double kFourSigma = 6.334e-5;  // of a normal variable, both sides

double log_choose(double n, double k) {
  return std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1);
}

}  // namespace

double chance_of_difference(Index a, Index n, Index b, Index m) {
  // Given a + b, the share of a follows the hypergeometric distribution, whatever the frequency.
  auto const draws = static_cast<double>(n), others = static_cast<double>(m),
             hits = static_cast<double>(a + b);
  double x = static_cast<double>(a);
  double term = std::exp(log_choose(draws, x) + log_choose(others, hits - x) -
                         log_choose(draws + others, hits));
  double tail = term;
  bool const low = x * others < (hits - x) * draws;  // a / n < b / m: sum the terms below
  while (term > 1e-18 * tail) {
    term *= low ? x * (others - hits + x) / ((draws - x + 1) * (hits - x + 1))
                : (draws - x) * (hits - x) / ((x + 1) * (others - hits + x + 1));
    x += low ? -1 : 1;
    tail += term;
  }
  return std::min(1.0, 2 * tail);
}

void expect_frequencies(Reference& reference, std::string const& name,
                        std::vector<double> const& seen, double draws,
                        std::vector<double> const& want, double reference_draws) {
  bool agree = seen.size() == want.size();
  double const least = kFourSigma / static_cast<double>(std::max<std::size_t>(1, want.size()));
  for (std::size_t i = 0; agree && i < seen.size(); ++i)
    agree = want[i] >= 0 && want[i] <= 1 &&
            chance_of_difference(std::llround(seen[i] * draws), std::llround(draws),
                                 std::llround(want[i] * reference_draws),
                                 std::llround(reference_draws)) >= least;
  reference.expect(name + " agrees", agree);
}

void expect_mean(Reference& reference, std::string const& name, double seen, double draws,
                 double want, double sigma, double reference_draws) {
  double const rounding = 1e-9 * std::max(1.0, std::abs(want));  // where nothing varies
  reference.expect(
      name + " within 4 sigma",
      std::abs(seen - want) <= 4 * sigma * std::sqrt(1 / draws + 1 / reference_draws) + rounding);
}

}  // namespace accord::app
