#pragma once
// Which bytes of which file each rank writes: pure functions, the same answer on every rank.

#include <cstdint>
#include <span>
#include <vector>

#include "io/checkpoint/content.hpp"

namespace accord::io {

/// Where a tensor lies: a file by number, and the offset of its first byte.
struct Placement {
  int file = 0;
  std::uint64_t offset = 0;
};

/// A part of a piece: bytes of memory and where they go.
struct Fragment {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  int piece = 0;
  std::uint64_t piece_offset = 0;  ///< bytes into the piece
};

/// A contiguous range of bytes of one file that one rank writes in one go: neighbouring fragments.
struct FileRun {
  int file = 0;
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::vector<Fragment> fragments;
};

inline constexpr std::uint64_t max_run_bytes = 16ull << 20;

/// The file of each tensor: the largest first, each to the file that has the fewest bytes so far.
/// At most max(files, 1) files, and never more than tensors.
std::vector<int> deal_over_files(std::span<TensorInfo const> infos, int files);

/// \throws Error naming the tensor and the elements unless the pieces (of all ranks together) cover
/// every element of every tensor exactly once.
void check_coverage(std::span<TensorInfo const> infos, std::span<ConstPiece const> pieces);

/// The runs of one rank, by file and offset. Pieces that follow one another in a file merge, across
/// tensors too; a run ends where a multiple of `run_bytes` of the file is reached, so that large
/// writes keep to the stripes of a parallel file system. No element is ever cut: one that straddles
/// such a border goes with the run before it.
std::vector<FileRun> runs_of(std::span<TensorInfo const> infos,
                             std::span<Placement const> placements,
                             std::span<ConstPiece const> pieces, std::uint64_t run_bytes);

}  // namespace accord::io
