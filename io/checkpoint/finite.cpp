#include "io/checkpoint/finite.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace accord::io {
namespace {

/// By blocks, so that the usual case, that all are finite, has no branch per value.
template <class T>
std::optional<Index> first_of(std::span<std::byte const> bytes) {
  constexpr std::size_t block = 1024;
  std::size_t const count = bytes.size() / sizeof(T);
  auto const value = [&](std::size_t i) {
    T x;
    std::memcpy(&x, bytes.data() + i * sizeof(T), sizeof x);
    return x;
  };
  for (std::size_t begin = 0; begin < count; begin += block) {
    std::size_t const end = std::min(count, begin + block);
    bool finite = true;
    for (std::size_t i = begin; i < end; ++i) finite &= std::isfinite(value(i));
    if (finite) continue;
    for (std::size_t i = begin; i < end; ++i)
      if (!std::isfinite(value(i))) return static_cast<Index>(i);
  }
  return std::nullopt;
}

}  // namespace

std::optional<Index> first_not_finite(DType dtype, std::span<std::byte const> values) {
  return dtype == DType::float64 ? first_of<double>(values) : first_of<float>(values);
}

}  // namespace accord::io
