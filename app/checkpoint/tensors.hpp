#pragma once
// The parameters and moments of a run as the checkpoint library wants them: a list of all logical
// tensors, the same on all ranks, and this rank's pieces of them.

#include <functional>
#include <string>
#include <vector>

#include "app/checkpoint/host_copies.hpp"
#include "io/checkpoint/content.hpp"
#include "parallel/data/sharded_optimizer.hpp"

namespace accord::app {

enum class Moments : bool { without, with };

class CheckpointTensors {
 public:
  /// Weights of all parameters; moments of the trained ones.   \param all  the whole model's
  /// \param store  this rank's, with its optimizer; all three outlive this
  CheckpointTensors(Queue& queue, std::vector<ParameterSpec> const& all,
                    ParameterStore const& store, parallel::ShardedOptimizer& optimizer,
                    Moments moments);

  std::vector<io::TensorInfo> const& infos() const { return infos_; }
  /// In host memory, to be filled; finish_load() then brings them to where the model computes.
  std::vector<io::Piece> pieces(parallel::Copies copies);
  void finish_load() { host_.upload(); }
  /// What this rank saves, in host memory: each element on one rank of the world, rows whole where
  /// a row's columns are split. Collective over the tensor-parallel group. Rows made whole are
  /// copies, as many bytes as this rank holds of tensors split by columns, with their moments; they
  /// live as long as this.
  std::vector<io::ConstPiece> pieces_to_save(Queue& queue, Communicator& tensor);

  /// Drops the tensors that `keep` refuses.
  void keep_only(std::function<bool(io::TensorInfo const&)> const& keep);

 private:
  void add(std::vector<io::Piece>& pieces, std::size_t kind,
           std::vector<parallel::LogicalPiece> const& logical);

  ParameterStore const& store_;
  parallel::ShardedOptimizer& optimizer_;
  std::vector<parallel::TensorKind> kinds_;
  std::vector<Tensor> copies_;  ///< of rows that were exchanged
  HostCopies host_;
  std::vector<io::TensorInfo> infos_;
  std::vector<std::vector<int>> number_;  ///< [kind][id in the store]: place in infos_, -1: none
};

}  // namespace accord::app
