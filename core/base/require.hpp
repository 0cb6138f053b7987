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

/// For messages that say which values there are instead: 1, ..., n.
inline std::vector<Index> divisors_of(Index n) {
  std::vector<Index> divisors;
  for (Index d = 1; d <= n; ++d)
    if (n % d == 0) divisors.push_back(d);
  return divisors;
}

}  // namespace accord
