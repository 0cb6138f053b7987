#include "core/model/batch_contrast.hpp"

#include <algorithm>
#include <cmath>

#include "core/ops/elementwise.hpp"

namespace accord {

BatchContrast::BatchContrast(Queue& queue, Model& model, StepOptions const& options, Index samples)
    : queue_(queue), model_(model), options_(options) {
  embeddings_.z.resize(model.config().modalities.size());
  embeddings_.dz.resize(model.config().modalities.size());
  auto const scalars = static_cast<Index>(scalar_names(model.config()).size());
  if (scalars > 0) scalars_ = Tensor(queue, accumulator_of(model.dtype()), Shape{scalars});
  Shape const shape{samples, model.config().encoder.embed_dim};
  for (Pass const& pass : model.passes())
    if (pass.contrasted) {
      auto const m = pass.modalities.front().index();
      embeddings_.z[m] = Tensor(queue, model.dtype(), shape);
      if (pass.gradient)
        embeddings_.dz[m] = Tensor::zeros(queue, accumulator_of(model.dtype()), shape);
    }
}

void BatchContrast::keep(MicroStep const& step, Index begin, Index count) {
  for (std::size_t m = 0; m < embeddings_.z.size(); ++m)
    if (Tensor& z = embeddings_.z[m])
      copy(queue_, step.embeddings(Modality(m)), z.view().rows(begin, count));
}

void BatchContrast::expect_kept(MicroStep const& step, Index begin, Index count,
                                int micro_batch) const {
  if (model_.dtype() != DType::float64) return;
  for (std::size_t m = 0; m < embeddings_.z.size(); ++m) {
    Tensor const& z = embeddings_.z[m];
    if (!z) continue;
    auto const kept = to_host<double>(queue_, z.view().rows(begin, count));
    auto const again = to_host<double>(queue_, step.embeddings(Modality(m)));
    double largest = 0;
    for (std::size_t i = 0; i < kept.size(); ++i)
      largest = std::max(largest, std::abs(kept[i] - again[i]));
    if (!(largest <= 1e-13))
      throw Error(fmt::format(
          "the two passes over micro-batch {} give {} embeddings that differ by {:.1e}: the "
          "contrast's gradients do not belong to what is differentiated",
          micro_batch, model_.config().modalities[m].name, largest));
  }
}

void BatchContrast::run(Communicator& data_group, StepSums const& sums) {
  Index first = 0;
  for (auto const& [family, objective] : model_.batch_objectives()) {
    auto const count = static_cast<Index>(family->scalars.size());
    objective->run(queue_, data_group, options_, embeddings_, sums,
                   count > 0 ? scalars_.view().rows(first, count) : View());
    first += count;
  }
  if (!options_.compare_passes)
    for (Tensor& z : embeddings_.z) z = {};
}

std::vector<double> BatchContrast::scalars() const {
  if (!scalars_) return {};
  if (scalars_.dtype() == DType::float64) return to_host<double>(queue_, scalars_);
  std::vector<float> const values = to_host<float>(queue_, scalars_);
  return {values.begin(), values.end()};
}

std::vector<ConstView> BatchContrast::gradients(Index begin, Index count) const {
  std::vector<ConstView> dz;
  for (Tensor const& gradient : embeddings_.dz)
    dz.push_back(gradient ? gradient.view().rows(begin, count) : ConstView{});
  return dz;
}

}  // namespace accord
