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

}  // namespace

std::vector<Modality> embedded_modalities(ModelConfig const& model, io::Dataset const& dataset) {
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
  all.dim = config.model.encoder.embed_dim;
  all.values.assign(static_cast<std::size_t>(reader.total() * all.dim), 0);
  all.samples.assign(static_cast<std::size_t>(reader.total()), 0);
  Index at = reader.first();
  progress(0, reader.last() - reader.first());
  while (std::optional<io::ItemBatch> const batch = reader.next()) {
    std::vector<float> const z = narrow_rows(queue, model.embed(queue, batch->items, modality));
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

}  // namespace accord::app
