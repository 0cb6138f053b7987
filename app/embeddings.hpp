#pragma once
// Embeddings of a dataset's items by a model at hand.

#include <functional>
#include <vector>

#include "app/config.hpp"
#include "core/comm/communicator.hpp"
#include "core/eval/recall.hpp"
#include "core/model/model.hpp"
#include "io/shard/shard_reader.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::app {

/// The embeddings of all items of one modality of a dataset, in order.
struct Embeddings {
  Modality modality = 0;
  Index dim = 0;
  std::vector<float> values;           ///< [items * dim]
  std::vector<std::uint64_t> samples;  ///< number of the sample that owns each item

  EmbeddingSet set() const { return {values, dim, samples}; }
};

/// The modalities that both the dataset has and the model embeds. \throws DataError when there is
/// none
std::vector<Modality> embedded_modalities(ModelConfig const& model, io::Dataset const& dataset);

/// Collective over `world`: each rank embeds its share, in evaluation mode, and all get the whole.
/// `progress(done, total)` tells of this rank's. \throws DataError naming the sample that is
/// damaged: nothing is replaced, it would change what is measured
Embeddings embed_items(Queue& queue, Communicator& world, Model const& model, Config const& config,
                       std::shared_ptr<io::Tokenizer const> tokenizer, io::Dataset const& dataset,
                       Modality modality,
                       std::function<void(Index done, Index total)> const& progress);

/// Likewise the logits of the model's classification head, where it reads a single modality:
/// dim = classes. \throws DataError where it reads several, or the dataset lacks what it reads
Embeddings classify_items(Queue& queue, Communicator& world, Model const& model,
                          Config const& config, std::shared_ptr<io::Tokenizer const> tokenizer,
                          io::Dataset const& dataset,
                          std::function<void(Index done, Index total)> const& progress);

}  // namespace accord::app
