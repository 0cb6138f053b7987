#include "app/train/validation.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "core/model/names.hpp"

namespace accord::app {

Validation::Validation(Communicator& world, Training& training)
    : queue_(training.queue()),
      world_(world),
      embedder_(queue_, world, training.groups(), training.model(), training.config(),
                training.tokenizer()),
      dataset_(open_agreed(queue_, world_, training.config().data.validation)),
      modalities_(embedded_modalities(training.config().model, dataset_)) {
  if (modalities_.size() < 2)
    throw DataError(
        fmt::format("data.validation = \"{}\": retrieval needs two of the model's modalities",
                    training.config().data.validation));
}

std::vector<RetrievalResult> Validation::run() {
  std::vector<Embeddings> embeddings;
  for (Modality const m : modalities_)
    embeddings.push_back(embedder_.embed(dataset_, m, [](Index, Index) {}));
  return retrieve(queue_, world_, embeddings, partners(dataset_, "", /*equal_captions=*/false), {});
}

io::MetricsLine validation_line(std::int64_t step, ModelConfig const& model,
                                std::vector<RetrievalResult> const& results) {
  io::MetricsLine line = {{"step", step}};
  for (RetrievalResult const& r : results) {
    std::string const name = direction_name(model, r.query, r.candidate);
    line.insert(
        line.end(),
        {{name + "_r1", r.recall.r1}, {name + "_r5", r.recall.r5}, {name + "_r10", r.recall.r10}});
  }
  return line;
}

std::string validation_text(ModelConfig const& model, std::vector<RetrievalResult> const& results) {
  std::string text;
  for (RetrievalResult const& r : results)
    text += fmt::format("{}{} R@1 {:.1f} % R@5 {:.1f} % R@10 {:.1f} %", text.empty() ? "" : ", ",
                        direction_name(model, r.query, r.candidate), r.recall.r1, r.recall.r5,
                        r.recall.r10);
  return text;
}

}  // namespace accord::app
