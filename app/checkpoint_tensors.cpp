#include "app/checkpoint_tensors.hpp"

#include <array>
#include <utility>

namespace accord::app {
namespace {

constexpr std::array kinds = {std::pair{parallel::TensorKind::weight, "weight"},
                              std::pair{parallel::TensorKind::exp_avg, "exp_avg"},
                              std::pair{parallel::TensorKind::exp_avg_sq, "exp_avg_sq"}};

}  // namespace

CheckpointTensors::CheckpointTensors(std::vector<ParameterSpec> const& all,
                                     ParameterStore const& store,
                                     parallel::ShardedOptimizer& optimizer, Moments moments)
    : optimizer_(optimizer) {
  for (auto const& [kind, word] : kinds) {
    bool const weights = kind == parallel::TensorKind::weight;
    std::vector<int>& number = number_.emplace_back(static_cast<std::size_t>(store.count()), -1);
    if (!weights && moments == Moments::without) continue;
    for (ParameterSpec const& spec : all) {
      if (!weights && !spec.trainable) continue;
      if (int const id = store.find(spec.name); id >= 0)
        number[static_cast<std::size_t>(id)] = static_cast<int>(infos_.size());
      infos_.push_back({word, spec.name, spec.shape, store.dtype()});
    }
  }
}

std::vector<io::Piece> CheckpointTensors::pieces(parallel::Copies copies) const {
  std::vector<io::Piece> pieces;
  for (std::size_t k = 0; k < kinds.size(); ++k)
    for (parallel::LogicalPiece const& piece : optimizer_.pieces(kinds[k].first, copies))
      if (int const number = number_[k][static_cast<std::size_t>(piece.parameter)]; number >= 0)
        pieces.push_back({number, piece.logical_begin, piece.values.size(), piece.values.data()});
  return pieces;
}

std::vector<io::ConstPiece> CheckpointTensors::const_pieces(parallel::Copies copies) const {
  std::vector<io::ConstPiece> out;
  for (io::Piece const& piece : pieces(copies))
    out.push_back({piece.tensor, piece.begin, piece.count, piece.data});
  return out;
}

std::vector<std::string> CheckpointTensors::keep_only(
    std::function<bool(io::TensorInfo const&)> const& keep) {
  std::vector<io::TensorInfo> kept;
  std::vector<std::string> dropped;
  std::vector<int> moved;
  for (io::TensorInfo const& info : infos_) {
    bool const stays = keep(info);
    moved.push_back(stays ? static_cast<int>(kept.size()) : -1);
    if (stays)
      kept.push_back(info);
    else
      dropped.push_back(info.name);
  }
  for (std::vector<int>& numbers : number_)
    for (int& number : numbers)
      if (number >= 0) number = moved[static_cast<std::size_t>(number)];
  infos_ = std::move(kept);
  return dropped;
}

}  // namespace accord::app
