#pragma once
// Every random number of a run is a pure function of (seed, purpose, counter); there is no
// generator state, so a draw is the same on any rank, in any order, and after a resume.

#include <array>
#include <cstdint>

namespace accord {

/// What a draw is for: the high word of the Philox key.
enum class Purpose : std::uint32_t { order, source, item, crop, mask, drop, init, synth };

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC
/// 2011).
constexpr std::array<std::uint32_t, 4> philox(std::array<std::uint32_t, 4> counter,
                                              std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    std::uint64_t const a = 0xD2511F53ull * counter[0], b = 0xCD9E8D57ull * counter[2];
    counter = {
        static_cast<std::uint32_t>(b >> 32) ^ counter[1] ^ key[0], static_cast<std::uint32_t>(b),
        static_cast<std::uint32_t>(a >> 32) ^ counter[3] ^ key[1], static_cast<std::uint32_t>(a)};
    key[0] += 0x9E3779B9u;
    key[1] += 0xBB67AE85u;
  }
  return counter;
}

/// The draws of one (seed, purpose): word(position, stream, draw) is the first word of the block
/// with counter = (position low, position high, stream, draw). One block per draw.
class Draws {
 public:
  constexpr Draws(std::uint32_t seed, Purpose purpose)
      : key_{seed, static_cast<std::uint32_t>(purpose)} {}

  constexpr std::uint32_t word(std::uint64_t position, std::uint32_t stream,
                               std::uint32_t draw) const {
    return philox({static_cast<std::uint32_t>(position), static_cast<std::uint32_t>(position >> 32),
                   stream, draw},
                  key_)[0];
  }
  /// An integer in [0, bound) by multiply-shift; bias below 2^-32 x bound. bound >= 1.
  constexpr std::uint32_t below(std::uint32_t bound, std::uint64_t position, std::uint32_t stream,
                                std::uint32_t draw) const {
    return static_cast<std::uint32_t>((std::uint64_t{word(position, stream, draw)} * bound) >> 32);
  }
  /// A double in [0, 1): 32 random bits.
  constexpr double uniform(std::uint64_t position, std::uint32_t stream, std::uint32_t draw) const {
    return word(position, stream, draw) * 0x1p-32;
  }

 private:
  std::array<std::uint32_t, 2> key_;
};

/// The stream word of draws that belong to a pass, and within it to a layer and branch (0
/// attention, 1 FFN).
constexpr std::uint32_t stream_of(int pass, int layer = 0, int branch = 0) {
  return static_cast<std::uint32_t>(pass) * 65536u + static_cast<std::uint32_t>(layer) * 2u +
         static_cast<std::uint32_t>(branch);
}

}  // namespace accord
