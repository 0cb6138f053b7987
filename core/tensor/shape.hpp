#pragma once

#include <array>
#include <initializer_list>
#include <string>

#include "core/base/check.hpp"
#include "core/base/dtype.hpp"

namespace accord {

/// Extents of up to four dimensions, slowest first. A scalar has rank 0 and size 1.
class Shape {
 public:
  static constexpr int max_rank = 4;
  constexpr Shape() = default;
  constexpr Shape(std::initializer_list<Index> extents) {
    for (Index extent : extents) extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
  void push_back(Index extent) {
    ACCORD_CHECK(rank_ < max_rank, "a shape has at most {} dimensions", max_rank);
    extents_[static_cast<std::size_t>(rank_++)] = extent;
  }
  constexpr int rank() const { return rank_; }
  constexpr Index operator[](int i) const { return extents_[static_cast<std::size_t>(i)]; }
  constexpr Index& operator[](int i) { return extents_[static_cast<std::size_t>(i)]; }
  constexpr Index size() const {
    Index n = 1;
    for (int i = 0; i < rank_; ++i) n *= (*this)[i];
    return n;
  }
  /// Elements behind one index of the first dimension.
  constexpr Index row_size() const {
    Index n = 1;
    for (int i = 1; i < rank_; ++i) n *= (*this)[i];
    return n;
  }
  friend constexpr bool operator==(Shape const& a, Shape const& b) {
    if (a.rank_ != b.rank_) return false;
    for (int i = 0; i < a.rank_; ++i)
      if (a[i] != b[i]) return false;
    return true;
  }

 private:
  std::array<Index, max_rank> extents_{};
  int rank_ = 0;
};

/// "[3, 7]"
inline std::string to_string(Shape const& shape) {
  std::string text = "[";
  for (int i = 0; i < shape.rank(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace accord
