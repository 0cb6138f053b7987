#include "app/checkpoint/tensors.hpp"

#include <iterator>
#include <utility>

#include "parallel/data/whole_rows.hpp"

namespace accord::app {

CheckpointTensors::CheckpointTensors(Queue& queue, std::vector<ParameterSpec> const& all,
                                     ParameterStore const& store,
                                     parallel::ShardedOptimizer& optimizer, Moments moments)
    : store_(store), optimizer_(optimizer), kinds_(optimizer.kinds()), host_(queue) {
  for (parallel::TensorKind const kind : kinds_) {
    bool const weights = kind == parallel::TensorKind::weight;
    std::vector<int>& number = number_.emplace_back(static_cast<std::size_t>(store.count()), -1);
    if (!weights && moments == Moments::without) continue;
    for (ParameterSpec const& spec : all) {
      if (!weights && !spec.trainable) continue;
      if (int const id = store.find(spec.name); id >= 0)
        number[static_cast<std::size_t>(id)] = static_cast<int>(infos_.size());
      infos_.push_back(
          {std::string(kind.name), spec.name, spec.shape, accumulator_of(store.dtype())});
    }
  }
}

std::vector<io::Piece> CheckpointTensors::pieces(parallel::Copies copies) {
  std::vector<io::Piece> pieces;
  for (std::size_t k = 0; k < kinds_.size(); ++k)
    add(pieces, k, optimizer_.pieces(kinds_[k], copies));
  return pieces;
}

std::vector<io::ConstPiece> CheckpointTensors::pieces_to_save(Queue& queue, Communicator& tensor) {
  std::vector<io::Piece> pieces;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    parallel::RowPieces rows = parallel::exchange_rows(
        queue, tensor, store_, optimizer_.pieces(kinds_[k], parallel::Copies::primary));
    add(pieces, k, rows.pieces);
    std::move(rows.copies.begin(), rows.copies.end(), std::back_inserter(copies_));
  }
  std::vector<io::ConstPiece> out;
  for (io::Piece const& piece : pieces)
    out.push_back({piece.tensor, piece.begin, piece.count, piece.data});
  host_.download();
  return out;
}

void CheckpointTensors::add(std::vector<io::Piece>& pieces, std::size_t kind,
                            std::vector<parallel::LogicalPiece> const& logical) {
  for (parallel::LogicalPiece const& piece : logical)
    if (int const number = number_[kind][static_cast<std::size_t>(piece.parameter)]; number >= 0)
      pieces.push_back({number, piece.logical_begin, piece.values.size(), host_.of(piece.values)});
}

void CheckpointTensors::keep_only(std::function<bool(io::TensorInfo const&)> const& keep) {
  std::vector<io::TensorInfo> kept;
  std::vector<int> moved;
  for (io::TensorInfo const& info : infos_) {
    bool const stays = keep(info);
    moved.push_back(stays ? static_cast<int>(kept.size()) : -1);
    if (stays) kept.push_back(info);
  }
  for (std::vector<int>& numbers : number_)
    for (int& number : numbers)
      if (number >= 0) number = moved[static_cast<std::size_t>(number)];
  infos_ = std::move(kept);
}

}  // namespace accord::app
