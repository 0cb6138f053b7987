#pragma once
// The order in which an epoch visits the samples of a source: a keyed bijection, computed sample by
// sample, so that it needs no array however many samples there are, and any position can be asked
// for directly.

#include <cstdint>

#include "core/base/rng.hpp"

namespace accord::io {

/// A pseudorandom bijection of [0, size): a Feistel network on the rectangle of sides a =
/// ceil(sqrt(size)) and b = ceil(size / a), walked again where it leaves [0, size) (Black, Rogaway:
/// "Ciphers with arbitrary finite domains", CT-RSA 2002). Its key is two Philox words; its rounds
/// add to one coordinate a hash of key, round and other coordinate (the finaliser of SplitMix64:
/// Steele, Lea, Flood, OOPSLA 2014).
class Permutation {
 public:
  /// \param size at least 1, at most 2^48
  /// \param part, stream, epoch: counter of the key's words, (part, stream, 2 * epoch) and (part,
  /// stream, 2 * epoch + 1)
  Permutation(std::uint64_t size, Draws const& draws, std::uint64_t part, std::uint32_t stream,
              std::uint32_t epoch);
  /// \param i below size
  std::uint64_t operator()(std::uint64_t i) const;

 private:
  std::uint64_t size_, a_, b_, key_;
};

/// One epoch over `samples` samples. Samples are taken in blocks of `block` consecutive ones, which
/// a disk reads in one piece; the blocks are permuted, and then the samples within each window of
/// `window` positions. So any stretch of an epoch touches few blocks, two neighbours in a file are
/// up to a window apart, and a source of at most 2 * window samples is shuffled without any
/// structure. Block borders are moved by an offset drawn for each epoch.
class EpochOrder {
 public:
  static constexpr std::uint64_t block = 256;
  static constexpr std::uint64_t window = 8192;

  /// \param source tells apart the orders of several sources; below 2^24
  EpochOrder(std::uint64_t samples, Draws const& draws, std::uint32_t epoch, std::uint32_t source);
  /// The sample at place i of the epoch. \param i below samples
  std::uint64_t operator()(std::uint64_t i) const;

 private:
  std::uint64_t samples_, offset_;
  Draws draws_;
  std::uint32_t epoch_, stream_;
};

}  // namespace accord::io
