#include "app/inference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "app/branch.hpp"
#include "app/progress.hpp"
#include "app/stored_config.hpp"
#include "core/comm/self_communicator.hpp"

namespace accord::app {
namespace {

/// Embeddings need no decoder.
Config config_of(io::OpenCheckpoint const& checkpoint) {
  Config const config = whole_config(checkpoint);
  return branch_of(config, all_modalities(config.model), DecoderPart::without);
}

}  // namespace

Inference::Inference(Queue& queue, Communicator& world, std::filesystem::path const& checkpoint,
                     io::Announce const& announce)
    : queue_(queue),
      world_(world),
      checkpoint_(io::open_together(world, queue, checkpoint, announce)),
      config_(config_of(checkpoint_)),
      tokenizer_(io::Tokenizer::load_from(checkpoint_.manifest.documents.tokenizer)),
      alone_(std::make_unique<SelfCommunicator>()),
      model_(std::make_unique<Model>(queue, config_.model, DType::float32, *alone_,
                                     Model::whole(config_.model))) {
  load(announce);
}

void Inference::load(io::Announce const& announce) {
  ParameterStore& store = model_->parameters();
  std::vector<io::TensorInfo> infos;
  std::vector<io::Piece> pieces;
  for (int id = 0; id < store.count(); ++id) {
    View const value = store.value(id);
    infos.push_back({"weight", store.spec(id).name, store.spec(id).shape, store.dtype()});
    pieces.push_back({id, 0, value.size(), value.data()});
  }
  io::LoadOptions options;
  options.unlisted = io::Unlisted::skip;
  options.announce = announce;
  io::load_tensors(world_, queue_, checkpoint_, infos, pieces, options);
}

std::vector<Modality> Inference::modalities_of(io::Dataset const& dataset) const {
  return embedded_modalities(config_.model, dataset);
}

Embeddings Inference::embed(io::Dataset const& dataset, Modality modality,
                            std::function<void(Index, Index)> const& progress) {
  return embed_items(queue_, world_, *model_, config_, tokenizer_, dataset, modality, progress);
}

std::vector<Embeddings> embed_all(Inference& model, io::Dataset const& dataset, bool first_rank) {
  std::vector<Embeddings> embeddings;
  for (Modality const m : model.modalities_of(dataset)) {
    std::unique_ptr<Progress> progress;  // made when the total is known
    embeddings.push_back(model.embed(dataset, m, [&](Index done, Index total) {
      if (!progress)
        progress = std::make_unique<Progress>(
            std::cerr, first_rank ? Progress::style_of_stderr() : Progress::Style::silent,
            model.config().model.modalities[static_cast<std::size_t>(m)].name + " item", total);
      progress->show(done);
    }));
  }
  return embeddings;
}

}  // namespace accord::app
