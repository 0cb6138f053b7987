#pragma once
// Weights that a checkpoint passes on although the run that saves it has no use for them: the
// modalities of an earlier stage. They lie in a file of their own, written once and linked into
// each later checkpoint.

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "io/checkpoint/directory.hpp"

namespace accord::io {

inline constexpr char const* carried_name = "carried.h5";

struct CarriedTensors {
  std::filesystem::path path;         ///< where the file lies now
  CheckpointFile file;                ///< what a manifest says of it
  std::vector<StoredTensor> tensors;  ///< all in this file, whatever its number
};

/// Copies the weights of `source` that `used` does not list into `directory`/carried.h5, a run at a
/// time, checking and hashing each; nothing is kept in memory. One rank. Empty if there is none.
/// \throws DataError if the source is damaged, IoError
std::optional<CarriedTensors> carry(OpenCheckpoint const& source, std::span<TensorInfo const> used,
                                    std::filesystem::path const& directory);

/// What a checkpoint passes on.
std::optional<CarriedTensors> carried_by(OpenCheckpoint const& checkpoint);

/// Puts the file into the folder of a checkpoint: a hard link, or a copy where there are none.
/// \throws IoError
void link_carried(CarriedTensors const& carried, std::filesystem::path const& folder);

}  // namespace accord::io
