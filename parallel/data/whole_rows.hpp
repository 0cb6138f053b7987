#pragma once

#include <vector>

#include "parallel/data/logical_pieces.hpp"

namespace accord::parallel {

/// Pieces of logical tensors, and the memory of those that are copies.
struct RowPieces {
  std::vector<LogicalPiece> pieces;
  std::vector<Tensor> copies;
};

/// A tensor that is split by columns lies on each rank as a short run of every row. Collective over
/// the tensor-parallel group: its ranks exchange what they hold of such tensors and each takes some
/// of the rows whole, so that a checkpoint is written in long runs. All other pieces, and rows of
/// which the ranks hold only an end (where a data-parallel part begins or ends), stay as they are.
/// \param pieces  of one kind, in flat order, as ShardedOptimizer gives them
RowPieces exchange_rows(Queue& queue, Communicator& tensor, ParameterStore const& store,
                        std::vector<LogicalPiece> const& pieces);

}  // namespace accord::parallel
