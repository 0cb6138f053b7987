#pragma once
// Loads a checkpoint at any number of ranks, whatever number saved it.

#include <functional>
#include <optional>
#include <span>

#include "core/comm/communicator.hpp"
#include "io/checkpoint/directory.hpp"

namespace accord::io {

/// What to make of tensors that the checkpoint holds and the caller does not list.
enum class Unlisted : std::uint8_t { refuse, skip };

struct LoadOptions {
  Unlisted unlisted = Unlisted::refuse;
  Announce announce;
  /// load_newest: called on rank 0 with each checkpoint that opened, before its tensors are looked
  /// at. What it throws ends the loading, on all ranks.
  std::function<void(OpenCheckpoint const&)> check;
  Unusable unusable = {};  ///< load_newest: called on rank 0
};

/// Collective. Rank 0 opens `path` (a checkpoint, or a folder of which it takes the newest that
/// opens, but for those `except` names) and tells all. \throws DataError or IoError on all ranks
OpenCheckpoint open_together(Communicator& communicator, Queue& queue,
                             std::filesystem::path const& path, Announce const& announce,
                             std::set<std::filesystem::path> const& except = {});

/// Collective. Fills this rank's pieces, which may overlap and need not cover anything: reads only
/// the runs that touch them, each whole, and checks each against its hash; the bytes outside of the
/// runs are checked too, each file by one rank. float32 and float64 are converted into each other
/// where infos say another type than the checkpoint, which is announced. \throws DataError on all
/// ranks, naming tensors that are missing, unknown or of another shape, what is damaged, or a value
/// that is not finite
void load_tensors(Communicator& communicator, Queue& queue, OpenCheckpoint const& checkpoint,
                  std::span<TensorInfo const> infos, std::span<Piece const> pieces,
                  LoadOptions const& options);

/// Collective. Loads the newest checkpoint of a folder that is good throughout; one that is damaged
/// in any place looked at is announced and the one before it is tried. Rank 0 alone decides, all
/// ranks load the same. Empty, and nothing is touched, when the folder holds no checkpoint at all.
/// \throws DataError on all ranks if there are checkpoints but none is good, or if tensors differ
/// from those listed
std::optional<OpenCheckpoint> load_newest(Communicator& communicator, Queue& queue,
                                          std::filesystem::path const& directory,
                                          std::span<TensorInfo const> infos,
                                          std::span<Piece const> pieces,
                                          LoadOptions const& options);

}  // namespace accord::io
