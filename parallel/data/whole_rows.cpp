#include "parallel/data/whole_rows.hpp"

namespace accord::parallel {
namespace {

bool split_by_columns(ParameterSpec const& spec) {
  return spec.distribution == Distribution::split && spec.split_dimension == 1;
}

// Whether `next` is the row behind `row`, in the tensor and in memory.
bool follows(LogicalPiece const& row, LogicalPiece const& next, Index whole_width) {
  return next.parameter == row.parameter && next.values.size() == row.values.size() &&
         next.logical_begin == row.logical_begin + whole_width &&
         next.values.data() == static_cast<std::byte*>(row.values.data()) + row.values.bytes();
}

}  // namespace

RowPieces exchange_rows(Queue& queue, Communicator& tensor, ParameterStore const& store,
                        std::vector<LogicalPiece> const& pieces) {
  RowPieces result;
  int const ranks = tensor.size(), rank = tensor.rank();
  for (std::size_t i = 0; i < pieces.size();) {
    LogicalPiece const& first = pieces[i];
    ParameterSpec const& spec = store.spec(first.parameter);
    Index const width = store.local_shape(first.parameter).row_size();
    if (ranks == 1 || !split_by_columns(spec) || first.values.size() != width) {
      result.pieces.push_back(first);
      ++i;
      continue;
    }
    Index const whole_width = spec.shape.row_size();
    Index rows = 1;
    for (++i; i < pieces.size() && follows(pieces[i - 1], pieces[i], whole_width); ++i) ++rows;

    View const own(first.values.data(), first.values.dtype(), Shape{rows, width});
    Tensor gathered(queue, own.dtype(), Shape{ranks * rows, width});
    tensor.all_gather(queue, own, gathered);
    Index const begin = rows * rank / ranks, count = rows * (rank + 1) / ranks - begin;
    if (count == 0) continue;
    Tensor& taken = result.copies.emplace_back(queue, own.dtype(), Shape{count, whole_width});
    for (int peer = 0; peer < ranks; ++peer)
      copy(queue, gathered.view().rows(peer * rows + begin, count),
           taken.view().columns(peer * width, width));
    Index const first_row = first.logical_begin / whole_width;
    result.pieces.push_back({first.parameter, (first_row + begin) * whole_width,
                             taken.view().reshaped(Shape{count * whole_width})});
  }
  return result;
}

}  // namespace accord::parallel
