#include "app/inference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iostream>

#include "app/launch.hpp"
#include "app/progress.hpp"
#include "app/text.hpp"
#include "core/comm/self_communicator.hpp"
#include "io/loader/item_reader.hpp"

namespace accord::app {
namespace {

Config config_of(io::OpenCheckpoint const& checkpoint) {
  Config config;
  try {
    config = parse_config(checkpoint.manifest.documents.configuration, checkpoint.folder.string());
  } catch (UsageError const& error) {
    throw DataError(fmt::format("{}: its configuration cannot be read by this version: {}",
                                checkpoint.folder.string(), error.what()));
  }
  // Embeddings need no decoder, and a model without denoising terms builds none.
  std::erase_if(config.model.objectives,
                [](ObjectiveConfig const& o) { return o.kind == ObjectiveConfig::Kind::denoise; });
  return config;
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
  load();
}

void Inference::load() {
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
  io::load_tensors(world_, queue_, checkpoint_, infos, pieces, options);
}

std::vector<Modality> Inference::modalities_of(io::Dataset const& dataset) const {
  std::vector<Modality> found;
  std::vector<std::string> embedded;
  for (Pass const& pass : model_->passes()) {
    if (!pass.contrasted) continue;
    Modality const m = pass.modalities.front();
    std::string const& name = config_.model.modalities[static_cast<std::size_t>(m)].name;
    embedded.push_back(name);
    auto const& there = dataset.modalities();
    if (std::find(there.begin(), there.end(), name) != there.end()) found.push_back(m);
  }
  if (found.empty())
    throw DataError(fmt::format("{}: holds {}, but the model embeds {}", dataset.path().string(),
                                joined(dataset.modalities()), joined(embedded)));
  std::sort(found.begin(), found.end());
  return found;
}

Embeddings Inference::embed(io::Dataset const& dataset, Modality modality,
                            std::function<void(Index, Index)> const& progress) {
  // Evaluation pictures are resized, not cropped (spec 3.3).
  std::vector<io::PictureOptions> const pictures(config_.model.modalities.size(),
                                                 {io::CropSpec{}, config_.data.alpha});
  io::ItemDecoder const decoder(config_.model, {modality}, tokenizer_, pictures,
                                config_.train.seed);
  io::ItemReaderConfig reading;
  reading.modality = modality;
  reading.batch = 32;
  reading.rank = world_.rank();
  reading.ranks = world_.size();
  reading.threads = std::max(1, threads_per_rank() / 4);
  io::ItemReader reader(dataset, config_.model, decoder, reading);

  Embeddings all;
  all.modality = modality;
  all.dim = config_.model.encoder.embed_dim;
  all.values.assign(static_cast<std::size_t>(reader.total() * all.dim), 0);
  all.samples.assign(static_cast<std::size_t>(reader.total()), 0);
  Index at = reader.first();
  progress(0, reader.last() - reader.first());
  while (std::optional<io::ItemBatch> const batch = reader.next()) {
    std::vector<float> const z =
        to_host<float>(queue_, model_->embed(queue_, batch->items, modality));
    std::copy(z.begin(), z.end(), all.values.begin() + at * all.dim);
    std::copy(batch->samples.begin(), batch->samples.end(), all.samples.begin() + at);
    at += static_cast<Index>(batch->samples.size());
    progress(at - reader.first(), reader.last() - reader.first());
  }
  // Each rank has filled its own part; the others' are zero.
  world_.all_reduce(queue_,
                    View(all.values.data(), DType::float32, Shape{reader.total() * all.dim}));
  world_.all_reduce(queue_, View(all.samples.data(), DType::uint64, Shape{reader.total()}));
  return all;
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
