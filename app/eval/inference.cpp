#include "app/eval/inference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "app/checkpoint/branch.hpp"
#include "app/checkpoint/host_copies.hpp"
#include "app/cli/progress.hpp"
#include "app/config/stored.hpp"
#include "io/checkpoint/newest.hpp"
#include "io/loader/item_decoder.hpp"

namespace accord::app {
namespace {

/// Embeddings need no decoder.
Config config_of(io::OpenCheckpoint const& checkpoint) {
  Config const config = whole_config(checkpoint);
  return branch_of(config, all_modalities(config.model), DecoderPart::without);
}

}  // namespace

Inference::Inference(Queue& queue, parallel::GroupCommunicator& world,
                     io::OpenCheckpoint checkpoint, io::Announce const& announce)
    : queue_(queue),
      world_(world),
      groups_(parallel::make_groups(world, {.data = world.size()})),
      checkpoint_(std::move(checkpoint)),
      config_(config_of(checkpoint_)),
      tokenizer_(io::Tokenizer::load_from(checkpoint_.manifest.documents.tokenizer)),
      model_(queue, config_.model, DType::float32, *groups_.tensor, Model::whole(config_.model)),
      embedder_(queue, world, groups_, model_, config_, tokenizer_) {
  load(announce);
}

void Inference::load(io::Announce const& announce) {
  ParameterStore& store = model_.parameters();
  std::vector<io::TensorInfo> infos;
  std::vector<io::Piece> pieces;
  HostCopies host(queue_);
  for (int id = 0; id < store.count(); ++id) {
    View const value = store.value(id);
    infos.push_back({"weight", store.spec(id).name, store.spec(id).shape, store.dtype()});
    pieces.push_back({id, 0, value.size(), host.of(value)});
  }
  io::LoadOptions options;
  options.unlisted = io::Unlisted::skip;
  options.announce = announce;
  io::load_tensors(world_, queue_, checkpoint_, infos, pieces, options);
  host.upload();
}

std::vector<Modality> Inference::modalities_of(io::Dataset const& dataset) const {
  return embedded_modalities(config_.model, dataset);
}

Embeddings Inference::embed(io::Dataset const& dataset, Modality modality,
                            std::function<void(Index, Index)> const& progress) {
  return embedder_.embed(dataset, modality, progress);
}

Embeddings Inference::classify(io::Dataset const& dataset,
                               std::function<void(Index, Index)> const& progress) {
  return embedder_.classify(dataset, progress);
}

std::vector<float> Inference::embed_texts(Modality modality,
                                          std::vector<std::string> const& texts) {
  constexpr std::size_t at_once = 64;
  io::ItemDecoder const decoder(config_.model, {modality}, tokenizer_, {}, config_.train.seed);
  io::ItemDecoder::Scratch scratch;
  std::vector<MicroBatch> batches;
  for (std::size_t begin = 0; begin < texts.size(); begin += at_once) {
    MicroBatch& batch = batches.emplace_back(empty_batch(config_.model.modalities.size()));
    for (std::size_t i = begin; i < std::min(begin + at_once, texts.size()); ++i) {
      decoder.append(modality, std::as_bytes(std::span(texts[i])), i, batch, scratch);
      batch.positions.push_back(i);
    }
  }
  std::vector<float> all;
  for (Tensor const& rows :
       parallel::Evaluation(queue_, model_, groups_).embed(batches, modality)) {
    std::vector<float> const z = to_host<float>(queue_, rows);
    all.insert(all.end(), z.begin(), z.end());
  }
  return all;
}

std::unique_ptr<Inference> load_inference(Queue& queue, parallel::GroupCommunicator& world,
                                          std::filesystem::path const& path,
                                          io::Announce const& announce) {
  return io::with_newest(
      path, world.rank() == 0 ? announce : nullptr,
      [&](auto const& tried) { return io::open_together(world, queue, path, announce, tried); },
      [&](io::OpenCheckpoint checkpoint) {
        return std::make_unique<Inference>(queue, world, std::move(checkpoint), announce);
      });
}

namespace {

/// Shows progress from the moment that the total is known.
std::function<void(Index, Index)> shown(std::string const& unit, bool first_rank) {
  return
      [unit, first_rank, progress = std::shared_ptr<Progress>()](Index done, Index total) mutable {
        if (!progress)
          progress = std::make_shared<Progress>(
              std::cerr, first_rank ? Progress::style_of_stderr() : Progress::Style::silent, unit,
              total);
        progress->show(done);
      };
}

}  // namespace

Embeddings embed(Inference& model, io::Dataset const& dataset, Modality modality, bool first_rank) {
  std::string const& name = model.config().model.modalities[modality.index()].name;
  return model.embed(dataset, modality, shown(name + " item", first_rank));
}

Embeddings classify(Inference& model, io::Dataset const& dataset, bool first_rank) {
  return model.classify(dataset, shown("item", first_rank));
}

std::vector<Embeddings> embed_all(Inference& model, io::Dataset const& dataset, bool first_rank) {
  std::vector<Embeddings> embeddings;
  for (Modality const m : model.modalities_of(dataset))
    embeddings.push_back(embed(model, dataset, m, first_rank));
  return embeddings;
}

}  // namespace accord::app
