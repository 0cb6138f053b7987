#include "app/verify/stem.hpp"

#include <numeric>

#include "core/ops/elementwise.hpp"
#include "core/ops/patches.hpp"
#include "core/ops/rows.hpp"

namespace accord::app {
namespace {

// patchify() of planar floating pixels only moves them: where each element of the windows comes
// from.
std::vector<double> pixels_from_windows(Queue& queue, PatchLayout const& layout, Index images,
                                        std::vector<double> const& windows) {
  Index const per_image = 3 * layout.size * layout.size;
  std::vector<double> source(static_cast<std::size_t>(images * per_image));
  std::iota(source.begin(), source.end(), 0.0);
  Tensor const numbered =
      Tensor::from_host(queue, std::span<double const>(source), {images, per_image});
  Index const columns = 3 * layout.kernel * layout.kernel;
  Tensor order(queue, DType::float64, {static_cast<Index>(source.size()) / columns, columns});
  patchify(queue, numbered, layout, order);
  std::vector<double> const from = to_host<double>(queue, order);
  std::vector<double> pixels(source.size());
  for (std::size_t i = 0; i < from.size(); ++i)
    pixels[static_cast<std::size_t>(from[i])] = windows[i];
  return pixels;
}

}  // namespace

StemResult run_stem(Queue& queue, Reference const& reference, ParameterStore& store,
                    PatchStem const& stem, std::string const& images,
                    std::vector<double> const& dfeatures) {
  std::vector<Index> const shape = reference.shape(images);
  Tensor const pixels =
      reference.tensor(queue, reference.values(images), {shape[0], shape[1] * shape[2] * shape[3]});
  store.zero_gradients(queue);
  PatchStem::Saved saved;
  Tensor const features = stem.forward(queue, pixels, saved);
  Tensor dwindows(queue, reference.dtype(), saved.windows.shape());
  stem.backward(queue, reference.tensor(queue, dfeatures, features.shape()), saved, dwindows);
  return {as_doubles(queue, features),
          pixels_from_windows(queue, stem.layout(), shape[0], as_doubles(queue, dwindows))};
}

Signal::Signal(Queue& queue, Reference const& reference, ModalityConfig const& config, Index d)
    : stem(ParameterScope(store, rules), config, d),
      positions(ParameterScope(store, rules), config, d) {
  store.allocate(queue, reference.dtype());
}

std::vector<Index> equal_offsets(Index items, Index length) {
  std::vector<Index> offsets;
  for (Index i = 0; i <= items; ++i) offsets.push_back(i * length);
  return offsets;
}

Tensor upload_offsets(Queue& queue, std::vector<Index> const& offsets) {
  return Tensor::from_host(queue, std::vector<std::int32_t>(offsets.begin(), offsets.end()));
}

std::vector<double> gradient_of_samples(Queue& queue, Reference const& reference,
                                        ModalityConfig const& config, Index d,
                                        std::vector<std::int32_t> const& kept, Index length) {
  Signal signal(queue, reference, config, d);
  for (int id = 0; id < signal.store.count(); ++id)
    copy(queue,
         reference.tensor(queue, reference.values("weights/" + signal.store.spec(id).name),
                          signal.store.value(id).shape()),
         signal.store.value(id));
  std::vector<Index> const shape = reference.shape("inputs/src_audios");
  Index const samples = shape[0], elements = shape[1];
  Index const frames = ConvolutionStem::frames(config, elements);
  std::vector<std::int32_t> rows, from;
  for (Index s = 0; s < samples; ++s)
    for (Index i = 1; i < length; ++i) {
      rows.push_back(static_cast<std::int32_t>(s * length + i));
      from.push_back(static_cast<std::int32_t>(s * frames +
                                               kept[static_cast<std::size_t>(s * length + i)] - 1));
    }
  Tensor const row_list = Tensor::from_host(queue, rows), list = Tensor::from_host(queue, from);
  ConvolutionStem::Saved saved;
  Tensor const features = signal.stem.forward(
      queue,
      reference.tensor(queue, reference.values("inputs/src_audios"), {samples * elements, 1}),
      equal_offsets(samples, elements), saved);
  Tensor const upstream =
      reference.tensor(queue, reference.values("upstream/x"), {samples * length, d});
  Tensor kept_features(queue, reference.dtype(), {list.size(), d}),
      dkept(queue, reference.dtype(), {list.size(), d});
  gather_rows(queue, features, list, kept_features);
  gather_rows(queue, upstream, row_list, dkept);
  Tensor const offsets = upload_offsets(queue, equal_offsets(samples, length - 1));
  ConvolutionPositions::Saved positions;
  signal.positions.forward(queue, kept_features, offsets, positions);
  add(queue, signal.positions.backward(queue, dkept, offsets, positions), dkept);
  Tensor dfeatures = Tensor::zeros(queue, reference.dtype(), features.shape());
  add_rows(queue, dkept, {}, dfeatures, list);
  Tensor dsamples(queue, reference.dtype(), saved.samples.shape());
  signal.stem.backward(queue, dfeatures, saved, dsamples);
  return as_doubles(queue, dsamples);
}

}  // namespace accord::app
