#include "parallel/data/whole_rows.hpp"

#include <memory>

namespace accord::parallel {
namespace {

constexpr int nobody = -1;

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
    auto const begin_of = [&](int peer) { return rows * peer / ranks; };
    auto const count_of = [&](int peer) { return begin_of(peer + 1) - begin_of(peer); };
    Index const begin = begin_of(rank), count = count_of(rank);
    Tensor taken(queue, own.dtype(), Shape{count, whole_width});
    // What each peer holds of the rows that this rank takes, in the order of the hops.
    Tensor received(queue, own.dtype(), Shape{(ranks - 1) * count, width});
    auto const to = [&](int hop) { return (rank + hop) % ranks; };
    auto const from = [&](int hop) { return (rank + ranks - hop) % ranks; };
    std::vector<std::unique_ptr<Request>> under_way;
    for (int hop = 1; hop < ranks; ++hop)
      under_way.push_back(tensor.start_send_receive(
          queue, own.rows(begin_of(to(hop)), count_of(to(hop))),
          count_of(to(hop)) > 0 ? to(hop) : nobody, received.view().rows((hop - 1) * count, count),
          count > 0 ? from(hop) : nobody));
    copy(queue, own.rows(begin, count), taken.view().columns(rank * width, width));
    for (int hop = 1; hop < ranks; ++hop) {
      under_way[static_cast<std::size_t>(hop) - 1]->wait(queue);
      copy(queue, received.view().rows((hop - 1) * count, count),
           taken.view().columns(from(hop) * width, width));
    }
    if (count == 0) continue;
    Index const first_row = first.logical_begin / whole_width;
    result.pieces.push_back({first.parameter, (first_row + begin) * whole_width,
                             taken.view().reshaped(Shape{count * whole_width})});
    result.copies.push_back(std::move(taken));
  }
  return result;
}

}  // namespace accord::parallel
