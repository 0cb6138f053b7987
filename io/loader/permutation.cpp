#include "io/loader/permutation.hpp"

#include <algorithm>
#include <cmath>

#include "core/base/check.hpp"

namespace accord::io {
namespace {

/// Rounds; the smallest sizes need more to make every permutation equally likely.
constexpr std::uint64_t rounds_for(std::uint64_t size) { return size < 64 ? 24 : 12; }

/// Streams of one source: the offset of the block borders, the order of the blocks, the orders
/// within windows.
enum Level : std::uint32_t { kOffset, kBlocks, kSamples, kLevels };

std::uint64_t two_words(Draws const& draws, std::uint64_t part, std::uint32_t stream,
                        std::uint32_t epoch) {
  return std::uint64_t{draws.word(part, stream, 2 * epoch)} << 32 |
         draws.word(part, stream, 2 * epoch + 1);
}

std::uint64_t mixed(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ x >> 27) * 0x94D049BB133111EBull;
  return x ^ x >> 31;
}

}  // namespace

Permutation::Permutation(std::uint64_t size, Draws const& draws, std::uint64_t part,
                         std::uint32_t stream, std::uint32_t epoch)
    : size_(size), key_(two_words(draws, part, stream, epoch)) {
  ACCORD_CHECK(size >= 1 && size <= 1ull << 48, "a permutation of {} elements", size);
  a_ = static_cast<std::uint64_t>(std::ceil(std::sqrt(static_cast<double>(size))));
  b_ = (size + a_ - 1) / a_;
}

std::uint64_t Permutation::operator()(std::uint64_t i) const {
  ACCORD_ASSERT(i < size_);
  std::uint64_t const rounds = rounds_for(size_);
  do {
    std::uint64_t x = i / b_, y = i % b_, key = key_;
    auto add = [&](std::uint64_t& to, std::uint64_t from, std::uint64_t side) {
      key += 0x9E3779B97F4A7C15ull;
      to += (mixed(key ^ from) >> 32) * side >> 32;
      if (to >= side) to -= side;
    };
    for (std::uint64_t round = 0; round < rounds; round += 2) {
      add(x, y, a_);
      add(y, x, b_);
    }
    i = x * b_ + y;
  } while (i >= size_);
  return i;
}

EpochOrder::EpochOrder(std::uint64_t samples, Draws const& draws, std::uint32_t epoch,
                       std::uint32_t source)
    : samples_(samples), draws_(draws), epoch_(epoch), stream_(source * kLevels) {
  ACCORD_CHECK(samples >= 1 && samples <= 1ull << 44 && source < 1u << 24,
               "an epoch of {} samples of source {}", samples, source);
  offset_ = two_words(draws, 0, stream_ + kOffset, epoch) % samples;
}

std::uint64_t EpochOrder::operator()(std::uint64_t i) const {
  ACCORD_ASSERT(i < samples_);
  // The last window takes what is left over, so that none is small and badly mixed.
  std::uint64_t const windows = std::max<std::uint64_t>(samples_ / window, 1);
  std::uint64_t const w = std::min(i / window, windows - 1);
  std::uint64_t const begin = w * window;
  std::uint64_t const size = w + 1 < windows ? window : samples_ - begin;
  Permutation const within(size, draws_, w, stream_ + kSamples, epoch_);
  std::uint64_t const place = begin + within(i - begin);

  std::uint64_t const slot = place / block, whole_blocks = samples_ / block;
  std::uint64_t start = place - place % block;  // of the short block at the end, which stays there
  if (slot < whole_blocks)
    start = block * Permutation(whole_blocks, draws_, 0, stream_ + kBlocks, epoch_)(slot);
  std::uint64_t const sample = start + place % block + offset_;
  return sample < samples_ ? sample : sample - samples_;
}

}  // namespace accord::io
