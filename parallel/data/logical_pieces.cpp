#include "parallel/data/logical_pieces.hpp"

namespace accord::parallel {

std::vector<LogicalPiece> logical_pieces(ParameterStore const& store, Ownership const& ownership,
                                         std::vector<FlatRange> const& owned, Copies copies,
                                         std::function<View(FlatRange const&)> const& values) {
  std::vector<LogicalPiece> pieces;
  // Buckets, and with them what is owned, run from the end of flat storage to its beginning.
  for (auto range = owned.rbegin(); range != owned.rend(); ++range)
    for (ParameterPiece const& piece : store.pieces(range->begin, range->end())) {
      if (copies == Copies::primary && !ownership.is_primary(piece.parameter)) continue;
      pieces.push_back(
          {piece.parameter, piece.logical_begin, values(FlatRange{piece.flat_begin, piece.count})});
    }
  return pieces;
}

}  // namespace accord::parallel
