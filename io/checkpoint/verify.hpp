#pragma once
// Looks at every byte of a checkpoint; measures how far two are from each other. Local to the
// calling rank.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "io/checkpoint/directory.hpp"

namespace accord::io {

/// Called now and then with the bytes looked at so far and in all.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// Part `rank` of `ranks` equal ones.
struct Share {
  int rank = 0, ranks = 1;
};

/// Compares every byte of every file with the hashes of the manifest, or a share of them, and looks
/// whether all values are finite. Returns what is damaged, with the tensors that lie there; nothing
/// if the checkpoint is good.
std::vector<std::string> verify_checkpoint(OpenCheckpoint const& checkpoint,
                                           Progress const& progress, Share share = {});

struct TensorDistance {
  std::string tensor;
  double largest = 0;   ///< max |a - b|; NaN if one of the two is not a number where the other is
  double relative = 0;  ///< |a - b| / |b|, Euclidean; |a - b| if b is zero
};

struct CheckpointDistance {
  std::vector<TensorDistance> tensors;   ///< those that both have, in the order of a
  std::vector<std::string> differences;  ///< tensors that only one has, or of different shapes
};

/// Reads both in double, checking every run. \throws DataError if one is damaged
CheckpointDistance distance(OpenCheckpoint const& a, OpenCheckpoint const& b,
                            Progress const& progress);

}  // namespace accord::io
