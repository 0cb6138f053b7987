#include "app/eval/embeddings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/checkpoint/branch.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/text.hpp"
#include "io/loader/item_reader.hpp"
#include "parallel/comm/agreement.hpp"
#include "parallel/pipeline/batch_broadcast.hpp"

namespace accord::app {
namespace {

/// Rows as float32, whatever the model computes in.
std::vector<float> narrow_rows(Queue& queue, Tensor const& z) {
  if (z.dtype() != DType::float64) return to_host<float>(queue, z);
  std::vector<double> const wide = to_host<double>(queue, z);
  return {wide.begin(), wide.end()};
}

/// Where a batch's items begin among all of the dataset.
std::ptrdiff_t first_item(MicroBatch const& items) {
  return static_cast<std::ptrdiff_t>(items.positions.front());
}

}  // namespace

std::vector<Modality> embedded_modalities(ModelConfig const& model, io::Dataset const& dataset) {
  if (!embeds(model))
    throw DataError(
        "the model only classifies and embeds nothing; `accord eval --task classify` "
        "measures it");
  std::vector<Modality> found;
  std::vector<std::string> embedded;
  for (Modality const m : all_modalities(model)) {
    std::string const& name = model.modalities[m.index()].name;
    embedded.push_back(name);
    auto const& there = dataset.modalities();
    if (std::find(there.begin(), there.end(), name) != there.end()) found.push_back(m);
  }
  if (found.empty())
    throw DataError(fmt::format("{}: holds {}, but the model embeds {}", dataset.path().string(),
                                joined(dataset.modalities()), joined(embedded)));
  return found;
}

io::Dataset open_agreed(Queue& queue, Communicator& world, std::filesystem::path const& path) {
  io::Dataset dataset = io::Dataset::open(path);
  parallel::require_agreement(queue, world, {{"the index of " + path.string(), dataset.hash()}});
  return dataset;
}

Embedder::Embedder(Queue& queue, Communicator& world, parallel::MeshGroups& groups,
                   Model const& model, Config const& config,
                   std::shared_ptr<io::Tokenizer const> tokenizer)
    : queue_(queue),
      world_(world),
      groups_(groups),
      evaluation_(queue, model, groups),
      config_(config),
      tokenizer_(std::move(tokenizer)) {}

Embeddings Embedder::embed(io::Dataset const& dataset, Modality modality,
                           std::function<void(Index, Index)> const& progress) {
  return rows_of_items(
      dataset, modality, config_.model.encoder.embed_dim,
      [&](std::vector<MicroBatch> const& items) { return evaluation_.embed(items, modality); },
      progress);
}

Embeddings Embedder::classify(io::Dataset const& dataset,
                              std::function<void(Index, Index)> const& progress) {
  ObjectiveConfig const& objective = config_.model.objectives[static_cast<std::size_t>(
      find_objective(config_.model, &ObjectiveFamily::labelled))];
  if (objective.student.size() > 1)
    throw DataError(fmt::format(
        "objective.{} reads several modalities of a sample at once; only heads that read one can "
        "be evaluated",
        objective.name));
  return rows_of_items(
      dataset, objective.modality, objective.classes,
      [&](std::vector<MicroBatch> const& items) { return evaluation_.classify(items); }, progress);
}

Embeddings Embedder::rows_of_items(
    io::Dataset const& dataset, Modality modality, Index dim,
    std::function<std::vector<Tensor>(std::vector<MicroBatch> const&)> const& rows_of,
    std::function<void(Index, Index)> const& progress) {
  bool const reads = groups_.replica->rank() == 0;
  // Evaluation pictures are resized, not cropped (docs/model.md 3.3).
  std::vector<io::PictureOptions> const pictures(
      config_.model.modalities.size(),
      {io::CropSpec{}, config_.data.alpha, config_.data.orientation});
  io::ItemDecoder const decoder(config_.model, {modality}, tokenizer_, pictures,
                                config_.train.seed);
  io::ItemReaderConfig reading;
  reading.modality = modality;
  reading.batch = 32;
  reading.rank = groups_.data->rank();
  reading.ranks = groups_.data->size();
  reading.threads = loader_threads(config_.data.threads);
  std::optional<io::ItemReader> reader;
  if (reads) reader.emplace(dataset, config_.model, decoder, reading);
  Index const total = io::count_items(dataset, config_.model.modalities[modality.index()].name);

  Embeddings all;
  all.modality = modality;
  all.dim = dim;
  all.values.assign(static_cast<std::size_t>(total * dim), 0);
  all.samples.assign(static_cast<std::size_t>(total), 0);
  if (reads) progress(0, reader->last() - reader->first());
  for (;;) {
    // As many batches at once as keep all stages busy.
    std::vector<MicroBatch> batches;
    while (reads && static_cast<int>(batches.size()) < groups_.pipeline->size()) {
      std::optional<io::ItemBatch> batch = reader->next();
      if (!batch) break;
      std::copy(batch->samples.begin(), batch->samples.end(),
                all.samples.begin() + first_item(batch->items));
      batches.push_back(std::move(batch->items));
    }
    batches = parallel::broadcast_batches(queue_, groups_, std::move(batches));
    if (batches.empty()) break;
    std::vector<Tensor> const rows = rows_of(batches);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (groups_.tensor->rank() > 0) break;  // they have the same rows
      std::vector<float> const z = narrow_rows(queue_, rows[i]);
      std::copy(z.begin(), z.end(), all.values.begin() + first_item(batches[i]) * dim);
    }
    if (reads)
      progress(first_item(batches.back()) + batches.back().samples() - reader->first(),
               reader->last() - reader->first());
  }
  // Every number is filled in by one rank; the others' are zero.
  world_.all_reduce(queue_, View(all.values.data(), DType::float32, Shape{total * dim}));
  world_.all_reduce(queue_, View(all.samples.data(), DType::uint64, Shape{total}));
  return all;
}

}  // namespace accord::app
