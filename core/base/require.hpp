#pragma once
// For checks of what a user gave.

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/error.hpp"

namespace accord {

/// \throws UsageError with the message unless the condition holds
template <class... Parts>
void require(bool condition, fmt::format_string<Parts...> message, Parts&&... parts) {
  if (!condition) throw UsageError(fmt::format(message, std::forward<Parts>(parts)...));
}

/// For messages that say which values there are instead: 1, ..., n. In sqrt(n) steps.
inline std::vector<Index> divisors_of(Index n) {
  std::vector<Index> divisors, large;
  for (Index d = 1; d <= n / d; ++d) {
    if (n % d != 0) continue;
    divisors.push_back(d);
    if (d != n / d) large.push_back(n / d);
  }
  divisors.insert(divisors.end(), large.rbegin(), large.rend());
  return divisors;
}

}  // namespace accord
