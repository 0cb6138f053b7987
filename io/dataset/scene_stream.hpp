#pragma once
// Draws of one kind for one synthetic sample.

#include "io/dataset/scene.hpp"

namespace accord::io {

/// Numbers the draws of one sample as they are made.
class SceneStream {
 public:
  SceneStream(SceneDraws const& random, std::uint32_t stream) : random_(random), stream_(stream) {}
  double between(double low, double high) {
    return low + (high - low) * random_.draws.uniform(random_.sample, stream_, next_++);
  }
  /// Sum of the four bytes of a word: near enough to a normal variable, and integer until the last
  /// step.
  double noise(double sigma) {
    std::uint32_t const word = random_.draws.word(random_.sample, stream_, next_++);
    int const sum =
        static_cast<int>((word & 255) + (word >> 8 & 255) + (word >> 16 & 255) + (word >> 24));
    return (sum - 510) * (sigma / 147.8);
  }

 private:
  SceneDraws const& random_;
  std::uint32_t stream_;
  std::uint32_t next_ = 0;
};

}  // namespace accord::io
