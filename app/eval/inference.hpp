#pragma once
// A trained model for evaluation: what `accord eval` and `accord embed` share.

#include <memory>
#include <vector>

#include "app/eval/embeddings.hpp"
#include "io/checkpoint/load.hpp"
#include "parallel/comm/group_communicator.hpp"

namespace accord::app {

/// Model and tokenizer of a checkpoint, whole on every rank; in float32, in evaluation mode,
/// without decoder.
class Inference {
 public:
  /// Collective over `world`, which outlives this. \throws DataError
  Inference(Queue& queue, parallel::GroupCommunicator& world, io::OpenCheckpoint checkpoint,
            io::Announce const& announce);

  Config const& config() const { return config_; }
  io::OpenCheckpoint const& checkpoint() const { return checkpoint_; }

  /// embedded_modalities() of this model, and what an Embedder makes with it.
  std::vector<Modality> modalities_of(io::Dataset const& dataset) const;
  Embeddings embed(io::Dataset const& dataset, Modality modality,
                   std::function<void(Index done, Index total)> const& progress);
  /// Of a model with a head.
  Embeddings classify(io::Dataset const& dataset,
                      std::function<void(Index done, Index total)> const& progress);
  /// The embeddings of texts [texts * dim], on this rank alone.
  std::vector<float> embed_texts(Modality modality, std::vector<std::string> const& texts);

 private:
  void load(io::Announce const& announce);

  Queue& queue_;
  Communicator& world_;
  parallel::MeshGroups groups_;  ///< each rank is a replica
  io::OpenCheckpoint checkpoint_;
  Config config_;
  std::shared_ptr<io::Tokenizer const> tokenizer_;
  Model model_;
  Embedder embedder_;
};

/// Collective over `world`, which outlives the result. `path` is a checkpoint, or a folder of which
/// the newest is taken that is good. \throws DataError
std::unique_ptr<Inference> load_inference(Queue& queue, parallel::GroupCommunicator& world,
                                          std::filesystem::path const& path,
                                          io::Announce const& announce);

/// Collective. One modality of a dataset, with progress on the first rank.
Embeddings embed(Inference& model, io::Dataset const& dataset, Modality modality, bool first_rank);
/// Collective. The logits of the model's head, likewise.
Embeddings classify(Inference& model, io::Dataset const& dataset, bool first_rank);
/// Collective. All modalities that dataset and model share, likewise.
std::vector<Embeddings> embed_all(Inference& model, io::Dataset const& dataset, bool first_rank);

}  // namespace accord::app
