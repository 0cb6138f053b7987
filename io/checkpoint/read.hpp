#pragma once
// Values of a checkpoint into memory; local to the calling rank.

#include <span>
#include <vector>

#include "io/checkpoint/directory.hpp"
#include "io/file/tensor_values.hpp"

namespace accord::io {

/// The checkpoint's tensor for each of `infos`.
/// \throws DataError listing names that are missing or have another shape, and, if `all_listed`,
/// those of the checkpoint that are neither among infos nor only carried (carried.hpp)
std::vector<StoredTensor const*> match_tensors(OpenCheckpoint const& checkpoint,
                                               std::span<TensorInfo const> infos, bool all_listed);

/// Fills the pieces with elements of stored[piece.tensor], as `dtypes[piece.tensor]`. Each run that
/// a piece touches is read once, whole, and checked. \throws DataError or IoError
void read_pieces(OpenCheckpoint const& checkpoint, std::span<StoredTensor const* const> stored,
                 std::span<DType const> dtypes, std::span<Piece const> pieces);

/// The values of `tensors`, each in its own type, read when they are asked for. `checkpoint`, and
/// what `tensors` point to, outlive the result. Asking throws DataError or IoError.
TensorValues stored_values(OpenCheckpoint const& checkpoint,
                           std::vector<StoredTensor const*> tensors);

}  // namespace accord::io
