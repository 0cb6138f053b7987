#pragma once
// Small helpers for messages.

#include <fmt/format.h>

#include <cstdint>
#include <string>

#include "core/base/text.hpp"

namespace accord::app {

/// "734 B", "1.5 GB" (powers of 1000)
inline std::string size_text(std::uint64_t bytes) {
  if (bytes < 10000) return fmt::format("{} B", bytes);
  double value = static_cast<double>(bytes) / 1e3;
  for (char const* unit : {"kB", "MB", "GB"}) {
    if (value < 10000) return fmt::format("{:.4g} {}", value, unit);
    value /= 1e3;
  }
  return fmt::format("{:.4g} TB", value);
}

/// Megabytes for a progress bar, rounded up: little work is not none.
inline std::int64_t whole_megabytes(std::uint64_t bytes) {
  return static_cast<std::int64_t>((bytes + 999999) / 1000000);
}

}  // namespace accord::app
