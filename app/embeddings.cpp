#include "app/embeddings.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/branch.hpp"
#include "app/launch.hpp"
#include "app/text.hpp"
#include "io/loader/item_reader.hpp"

namespace accord::app {
namespace {

/// Rows as float32, whatever the model computes in.
std::vector<float> narrow_rows(Queue& queue, Tensor const& z) {
  if (z.dtype() != DType::float64) return to_host<float>(queue, z);
  std::vector<double> const wide = to_host<double>(queue, z);
  return {wide.begin(), wide.end()};
}

/// What `rows_of` makes of every item of one modality: [items of a batch, dim].
Embeddings rows_of_items(Queue& queue, Communicator& world, Config const& config,
                         std::shared_ptr<io::Tokenizer const> tokenizer, io::Dataset const& dataset,
                         Modality modality, Index dim,
                         std::function<Tensor(MicroBatch const&)> const& rows_of,
                         std::function<void(Index, Index)> const& progress) {
  // Evaluation pictures are resized, not cropped (spec 3.3).
  std::vector<io::PictureOptions> const pictures(config.model.modalities.size(),
                                                 {io::CropSpec{}, config.data.alpha});
  io::ItemDecoder const decoder(config.model, {modality}, std::move(tokenizer), pictures,
                                config.train.seed);
  io::ItemReaderConfig reading;
  reading.modality = modality;
  reading.batch = 32;
  reading.rank = world.rank();
  reading.ranks = world.size();
  reading.threads = std::max(1, threads_per_rank() / 4);
  io::ItemReader reader(dataset, config.model, decoder, reading);

  Embeddings all;
  all.modality = modality;
  all.dim = dim;
  all.values.assign(static_cast<std::size_t>(reader.total() * all.dim), 0);
  all.samples.assign(static_cast<std::size_t>(reader.total()), 0);
  Index at = reader.first();
  progress(0, reader.last() - reader.first());
  while (std::optional<io::ItemBatch> const batch = reader.next()) {
    std::vector<float> const z = narrow_rows(queue, rows_of(batch->items));
    std::copy(z.begin(), z.end(), all.values.begin() + at * all.dim);
    std::copy(batch->samples.begin(), batch->samples.end(), all.samples.begin() + at);
    at += static_cast<Index>(batch->samples.size());
    progress(at - reader.first(), reader.last() - reader.first());
  }
  // Each rank has filled its own part; the others' are zero.
  world.all_reduce(queue, View(all.values.data(), DType::float32, Shape{reader.total() * all.dim}));
  world.all_reduce(queue, View(all.samples.data(), DType::uint64, Shape{reader.total()}));
  return all;
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
    std::string const& name = model.modalities[static_cast<std::size_t>(m)].name;
    embedded.push_back(name);
    auto const& there = dataset.modalities();
    if (std::find(there.begin(), there.end(), name) != there.end()) found.push_back(m);
  }
  if (found.empty())
    throw DataError(fmt::format("{}: holds {}, but the model embeds {}", dataset.path().string(),
                                joined(dataset.modalities()), joined(embedded)));
  return found;
}

Embeddings embed_items(Queue& queue, Communicator& world, Model const& model, Config const& config,
                       std::shared_ptr<io::Tokenizer const> tokenizer, io::Dataset const& dataset,
                       Modality modality, std::function<void(Index, Index)> const& progress) {
  return rows_of_items(
      queue, world, config, std::move(tokenizer), dataset, modality, config.model.encoder.embed_dim,
      [&](MicroBatch const& items) { return model.embed(queue, items, modality); }, progress);
}

Embeddings classify_items(Queue& queue, Communicator& world, Model const& model,
                          Config const& config, std::shared_ptr<io::Tokenizer const> tokenizer,
                          io::Dataset const& dataset,
                          std::function<void(Index, Index)> const& progress) {
  ObjectiveConfig const& objective =
      config.model.objectives[static_cast<std::size_t>(find_classification(config.model))];
  if (objective.student.size() > 1)
    throw DataError(fmt::format(
        "objective.{} reads several modalities of a sample at once; only heads that read one can "
        "be evaluated",
        objective.name));
  return rows_of_items(
      queue, world, config, std::move(tokenizer), dataset, objective.modality, objective.classes,
      [&](MicroBatch const& items) { return model.classify(queue, items); }, progress);
}

}  // namespace accord::app
