// Stems alone: patches, the feature extractor of sounds, convolutional positions.

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "app/verify/stem.hpp"

namespace accord::app {
namespace {

// [b * patches, d] rows <-> [b, d, h, w]
std::vector<double> transposed(std::vector<double> const& values, Index images, Index rows,
                               Index columns) {
  std::vector<double> result(values.size());
  for (Index b = 0; b < images; ++b)
    for (Index r = 0; r < rows; ++r)
      for (Index c = 0; c < columns; ++c)
        result[static_cast<std::size_t>((b * columns + c) * rows + r)] =
            values[static_cast<std::size_t>((b * rows + r) * columns + c)];
  return result;
}

}  // namespace

void verify_unit_image_hmlp(Queue& queue, Reference& reference) {
  std::vector<Index> const shape = reference.shape("outputs/patches");
  Index const images = shape[0], d = shape[1], patches = shape[2] * shape[3];
  ParameterStore store;
  ParameterScope::Rules const rules;
  PatchStem const stem(ParameterScope(store, rules), StemKind::hmlp,
                       reference.shape("inputs/images")[2], 16, d);
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store, "weights/", "embed_images.");
  StemResult const result =
      run_stem(queue, reference, store, stem, "inputs/images",
               transposed(reference.values("upstream/patches"), images, d, patches));
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare("outputs/patches", transposed(result.features, images, patches, d),
                    tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare("grads/input/images", result.dpixels, gradient);
  compare_gradients(queue, reference, store, gradient, "embed_images.");
}

void verify_unit_audio_extractor(Queue& queue, Reference& reference) {
  ModalityConfig const config = reference_signal(reference, "");
  std::vector<Index> const in = reference.shape("inputs/audios"),
                           out = reference.shape("outputs/features");
  Signal signal(queue, reference, config, out[2]);
  load_reference_weights(queue, reference, signal.store, "weights/", "embed_audios.");
  ConvolutionStem::Saved saved;
  Tensor const features = signal.stem.forward(
      queue, reference.tensor(queue, reference.values("inputs/audios"), {in[0] * in[1], 1}),
      equal_offsets(in[0], in[1]), saved);
  Tensor dsamples(queue, reference.dtype(), saved.samples.shape());
  signal.stem.backward(
      queue, reference.tensor(queue, reference.values("upstream/features"), features.shape()),
      saved, dsamples);
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare(queue, "outputs/features", features,
                    tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare(queue, "grads/input/audios", dsamples, gradient);
  compare_gradients(queue, reference, signal.store, gradient, "embed_audios.");
}

void verify_unit_audio_convpos(Queue& queue, Reference& reference) {
  ModalityConfig const config = reference_signal(reference, "");
  std::vector<Index> const shape = reference.shape("inputs/features");
  Index const rows = shape[0] * shape[1], d = shape[2];
  Signal signal(queue, reference, config, d);
  load_reference_weights(queue, reference, signal.store, "weights/", "embed_positions.");
  auto const matrix = [&](std::string const& dataset) {
    return reference.tensor(queue, reference.values(dataset), {rows, d});
  };
  Tensor const offsets = upload_offsets(queue, equal_offsets(shape[0], shape[1]));
  ConvolutionPositions::Saved saved;
  Tensor const y = signal.positions.forward(queue, matrix("inputs/features"), offsets, saved);
  Tensor const dx = signal.positions.backward(queue, matrix("upstream/pos_embed"), offsets, saved);
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare(queue, "outputs/pos_embed", y,
                    tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare(queue, "grads/input/features", dx, gradient);
  compare_gradients(queue, reference, signal.store, gradient, "embed_positions.");
}

}  // namespace accord::app
