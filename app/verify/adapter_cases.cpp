// Adapters: buckets of the position bias, the patch stem, whole encoder adapters, decoder inputs.

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/decoder.hpp"
#include "core/model/modality/adapter.hpp"
#include "core/model/modality/bias_table.hpp"
#include "core/model/modality/convolution_positions.hpp"
#include "core/model/modality/convolution_stem.hpp"
#include "core/model/modality/patch_stem.hpp"
#include "core/ops/elementwise.hpp"
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

struct StemResult {
  std::vector<double> features, dpixels;
};

// The stem alone: forward of `pixels` [images, 3 * size * size], backward of dfeatures.
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

ModalityConfig adapter_config(Reference const& reference) {
  ModalityConfig config;
  std::string const prefix = reference.file().attribute_text("/", "prefix");
  config.name = prefix.substr(0, prefix.find('_'));
  if (config.name == "audio") {
    config = reference_signal(reference, "");
  } else if (config.name == "text") {
    config.adapter = "token";
    config.positions = 514;
    config.max_tokens = reference.shape("inputs/src_tokens")[1] + 8;
    config.bucket_size = static_cast<Index>(reference.number("/bucket_size"));
    if (reference.file().exists("weights/embed_tokens.weight"))
      config.vocabulary = reference.shape("weights/embed_tokens.weight")[0];
  } else {
    config.adapter = "patch";
    config.size = 16 * static_cast<Index>(reference.number("/bucket_size"));
    config.stem = reference.text("/vision_encoder_type");
  }
  return config;
}

void compare_gradients(Queue& queue, Reference& reference, ParameterStore& store,
                       std::string const& prefix, Tolerance const& tolerance) {
  for (int id = 0; id < store.count(); ++id) {
    std::string const& name = store.spec(id).name;
    if (!name.starts_with(prefix)) continue;
    std::string const dataset = "grads/param/" + name.substr(prefix.size());
    if (reference.file().exists(dataset))
      reference.compare(queue, dataset, store.gradient(id), tolerance);
  }
}

// Stem and positions of a signal, as the adapter has them, with the gradient of the samples that
// training never asks for.
struct Signal {
  ParameterStore store;
  ParameterScope::Rules rules;
  ConvolutionStem stem;
  ConvolutionPositions positions;

  Signal(Queue& queue, Reference const& reference, ModalityConfig const& config, Index d)
      : stem(ParameterScope(store, rules), config, d),
        positions(ParameterScope(store, rules), config, d) {
    store.allocate(queue, reference.dtype());
  }
};

std::vector<Index> equal_offsets(Index items, Index length) {
  std::vector<Index> offsets;
  for (Index i = 0; i <= items; ++i) offsets.push_back(i * length);
  return offsets;
}

Tensor upload_offsets(Queue& queue, std::vector<Index> const& offsets) {
  return Tensor::from_host(queue, std::vector<std::int32_t>(offsets.begin(), offsets.end()));
}

// \param kept  positions of [samples, length] tokens, class tokens included
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

// Full or gathered encoder adapter. Padded slots are embedded like any other, as the official code
// does: the reference gradients count them.
void verify_encoder_adapter(Queue& queue, Reference& reference) {
  ModalityConfig const config = adapter_config(reference);
  Index const heads = reference.file().attribute<std::int64_t>("/", "heads");
  std::vector<Index> const shape = reference.shape("outputs/x");
  Index const samples = shape[0], length = shape[1], d = shape[2];
  ParameterStore store;
  ParameterScope::Rules const rules;
  auto const adapter =
      adapter_family(config.adapter)
          .make({queue, ParameterScope(store, rules), d, reference.dtype()}, config);
  BiasTable const table_of_bias(queue, ParameterScope(store, rules), config, heads, {0});
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store);

  ModalityInput input;
  if (config.adapter == "token") {
    auto const ids = reference.file().read<std::int32_t>("inputs/src_tokens");
    input.dtype = DType::int32;
    input.data.assign(reinterpret_cast<std::byte const*>(ids.data()),
                      reinterpret_cast<std::byte const*>(ids.data() + ids.size()));
    for (Index s = 1; s <= samples; ++s)
      input.offsets.push_back(s * reference.shape("inputs/src_tokens")[1]);
  } else {
    std::vector<double> const values =
        reference.values(config.adapter == "patch" ? "inputs/src_images" : "inputs/src_audios");
    std::vector<float> const narrow(values.begin(), values.end());
    auto const* bytes = reference.dtype() == DType::float64
                            ? reinterpret_cast<std::byte const*>(values.data())
                            : reinterpret_cast<std::byte const*>(narrow.data());
    input.dtype = reference.dtype();
    input.data.assign(bytes, bytes + values.size() * size_of(reference.dtype()));
    for (Index s = 1; s <= samples; ++s)
      input.offsets.push_back(s * static_cast<Index>(values.size()) / samples);
  }
  bool const gathered = reference.file().exists("inputs/preserve_ids");
  std::vector<std::int64_t> kept;
  if (gathered) kept = reference.file().read<std::int64_t>("inputs/preserve_ids");
  RowPlacement placement;
  for (Index s = 0; s < samples; ++s)
    for (Index i = 0; i < length; ++i) {
      Index position = i;
      if (gathered) position = kept[static_cast<std::size_t>(s * length + i)];
      if (position < 0) position = length - 1;  // the official code's stand-in for a padded slot
      placement.rows.push_back(static_cast<std::int32_t>(s * length + i));
      placement.samples.push_back(static_cast<std::int32_t>(s));
      placement.positions.push_back(static_cast<std::int32_t>(position));
    }
  auto const saved = adapter->prepare(queue, input);
  Tensor x = Tensor::zeros(queue, reference.dtype(), {samples * length, d});
  adapter->place(queue, *saved, placement, x);
  adapter->backward(queue, *saved, placement,
                    reference.tensor(queue, reference.values("upstream/x"), {samples * length, d}));
  adapter->finish_backward(queue, *saved);

  // The bias is never stored in the product; here it is spread out from table and buckets, and its
  // gradient gathered.
  PositionBias const bias = table_of_bias.bias(0);
  std::vector<double> const table = as_doubles(queue, bias.table),
                            upstream = reference.values("upstream/attn_bias");
  std::vector<std::int32_t> const bucket = to_host<std::int32_t>(queue, bias.bucket);
  Index const side = bias.bucket.extent(0);
  std::vector<double> spread(upstream.size()), dtable(table.size(), 0.0);
  for (Index s = 0, at = 0; s < samples; ++s)
    for (Index h = 0; h < heads; ++h)
      for (Index i = 0; i < length; ++i)
        for (Index j = 0; j < length; ++j, ++at) {
          auto position = [&](Index k) {
            return placement.positions[static_cast<std::size_t>(s * length + k)];
          };
          auto const entry = static_cast<std::size_t>(
              bucket[static_cast<std::size_t>(position(i) * side + position(j))] * heads + h);
          spread[static_cast<std::size_t>(at)] = table[entry];
          dtable[entry] += upstream[static_cast<std::size_t>(at)];
        }
  Tolerance const output = tolerance_of(Quantity::unit_output, reference.dtype());
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare(queue, "outputs/x", x, output);
  reference.compare("outputs/attn_bias", spread, output);
  reference.compare("grads/param/rel_pos_table_list.0.weight", dtable, gradient);
  for (int id = 0; id < store.count(); ++id)
    if (!store.spec(id).name.starts_with("rel_pos_table") && store.gradient(id))
      reference.compare(queue, "grads/param/" + store.spec(id).name, store.gradient(id), gradient);

  if (config.adapter ==
      "patch") {  // the gradient of pixels, which training never asks for, by the stem alone
    ParameterStore stem_store;
    PatchStem const stem(ParameterScope(stem_store, rules), config.stem, config.size, config.patch,
                         d);
    stem_store.allocate(queue, reference.dtype());
    for (int id = 0; id < stem_store.count(); ++id)
      copy(queue, store.value(store.find(stem_store.spec(id).name)), stem_store.value(id));
    std::vector<double> const dx = reference.values("upstream/x");
    Index const patches = adapter->max_tokens() - 1;
    std::vector<double> dfeatures(static_cast<std::size_t>(samples * patches * d), 0.0);
    for (std::size_t row = 0; row < placement.rows.size(); ++row)
      if (placement.positions[row] > 0)
        for (Index c = 0; c < d; ++c)
          dfeatures[static_cast<std::size_t>(
              (placement.samples[row] * patches + placement.positions[row] - 1) * d + c)] +=
              dx[row * static_cast<std::size_t>(d) + static_cast<std::size_t>(c)];
    reference.compare(
        "grads/input/src_images",
        run_stem(queue, reference, stem_store, stem, "inputs/src_images", dfeatures).dpixels,
        gradient);
  }
  if (config.adapter == "convolution")
    reference.compare("grads/input/src_audios",
                      gradient_of_samples(queue, reference, config, d, placement.positions, length),
                      gradient);
}

// Kept embeddings put back among mask tokens. The projection in front is made the identity.
void verify_decoder_adapter(Queue& queue, Reference& reference) {
  std::vector<Index> const shape = reference.shape("outputs/x");
  Index const samples = shape[0], length = shape[1], d = shape[2];
  ModelConfig config;
  config.encoder = {.embed_dim = d, .layers = 1, .heads = 1, .ffn_dim = 4};
  config.decoder = {.embed_dim = d, .layers = 1, .heads = 1, .ffn_dim = 4};
  config.modalities = {adapter_config(reference)};
  std::vector<Pass> const passes{{.modalities = {0}, .masked = true, .gradient = true}};
  std::string const modality = config.modalities[0].name;

  SelfCommunicator self;
  ParameterStore store;
  ParameterScope::Rules const rules;
  Decoder const decoder(ParameterScope(store, rules), config, reference.dtype(),
                        TensorParallelRegion(self));
  store.allocate(queue, reference.dtype());
  std::string const prefix = "decoder_wrapper." + modality + "_adapter.";
  load_reference_weights(queue, reference, store, "weights/", prefix);
  int const token = store.find(modality + "_mask_token");
  copy(queue, reference.tensor(queue, "inputs/mask_token"), store.value(token));
  std::vector<double> identity(static_cast<std::size_t>(d * d), 0.0);
  for (Index i = 0; i < d; ++i) identity[static_cast<std::size_t>(i * d + i)] = 1;
  copy(queue, reference.tensor(queue, identity, {d, d}),
       store.value(store.find("decoder_" + modality + "_embed.weight")));

  // Every position counts as a token: the official adapter fills padded ones too.
  MicroBatch batch;
  std::vector<std::int64_t> const kept = reference.file().read<std::int64_t>("inputs/preserve_ids");
  Index const width = reference.shape("inputs/preserve_ids")[1];
  std::vector<double> const embedded = reference.values("inputs/preserve_embed");
  std::vector<double> features;
  std::vector<std::size_t> slots;
  TokenMask mask;
  batch.lengths.resize(1);
  for (Index s = 0; s < samples; ++s) {
    batch.positions.push_back(static_cast<std::uint64_t>(s));
    batch.lengths[0].push_back(length);
    std::vector<std::uint8_t> flags(static_cast<std::size_t>(length), 1);
    for (Index i = 0; i < width; ++i) {
      auto const slot = static_cast<std::size_t>(s * width + i);
      if (kept[slot] < 0) continue;
      flags[static_cast<std::size_t>(kept[slot])] = 0;
      auto const from = embedded.begin() + static_cast<std::ptrdiff_t>(slot) * d;
      features.insert(features.end(), from, from + d);
      slots.push_back(slot);
    }
    mask.masked.insert(mask.masked.end(), flags.begin(), flags.end());
    mask.offsets.push_back(static_cast<Index>(mask.masked.size()));
  }
  batch.masks = {{mask}};
  Pack const pack = build_pack(batch, passes, {0}, {});
  Decoder::State const state = decoder.plan(queue, batch, passes, pack, 0);
  Tensor const f = reference.tensor(queue, features, {pack.rows, d});
  Tensor const x = decoder.assemble(queue, f, state);
  Tensor df = Tensor::zeros(queue, reference.dtype(), f.shape());
  decoder.assemble_backward(
      queue, reference.tensor(queue, reference.values("upstream/x"), {samples * length, d}), f,
      state, df);

  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare(queue, "outputs/x", x, tolerance_of(Quantity::unit_output, reference.dtype()));
  std::vector<double> const rows = as_doubles(queue, df);
  std::vector<double> dembedded(embedded.size(), 0.0);
  for (std::size_t i = 0; i < slots.size(); ++i)
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i) * d, d,
                dembedded.begin() + static_cast<std::ptrdiff_t>(slots[i]) * d);
  reference.compare("grads/input/preserve_embed", dembedded, gradient);
  reference.compare(queue, "grads/input/mask_token", store.gradient(token), gradient);
  compare_gradients(queue, reference, store, prefix, gradient);
}

}  // namespace

void verify_unit_adapter(Queue& queue, Reference& reference) {
  if (reference.file().attribute_text("/", "mode") == "decoder")
    verify_decoder_adapter(queue, reference);
  else
    verify_encoder_adapter(queue, reference);
}

void verify_unit_image_hmlp(Queue& queue, Reference& reference) {
  std::vector<Index> const shape = reference.shape("outputs/patches");
  Index const images = shape[0], d = shape[1], patches = shape[2] * shape[3];
  ParameterStore store;
  ParameterScope::Rules const rules;
  PatchStem const stem(ParameterScope(store, rules), "hmlp", reference.shape("inputs/images")[2],
                       16, d);
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store, "weights/", "embed_images.");
  StemResult const result =
      run_stem(queue, reference, store, stem, "inputs/images",
               transposed(reference.values("upstream/patches"), images, d, patches));
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare("outputs/patches", transposed(result.features, images, patches, d),
                    tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare("grads/input/images", result.dpixels, gradient);
  compare_gradients(queue, reference, store, "embed_images.", gradient);
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
  compare_gradients(queue, reference, signal.store, "embed_audios.", gradient);
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
  compare_gradients(queue, reference, signal.store, "embed_positions.", gradient);
}

void verify_unit_buckets(Queue&, Reference& reference) {
  for (std::string const& name : reference.file().members("outputs")) {
    std::string const group = "outputs/" + name + "/";
    std::size_t const first = name.find('_') + 1;
    Index const size = std::stol(name.substr(first));
    bool const grid = name.starts_with("image");
    BucketMatrix const matrix = grid ? grid_buckets({size, size}) : log_buckets(1024, size);
    auto part = [&](Index rows, Index columns) {
      std::vector<double> values;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j)
          values.push_back(matrix.bucket[static_cast<std::size_t>(i * matrix.size + j)]);
      return values;
    };
    if (reference.file().exists(group + "table"))
      reference.compare(group + "table", part(matrix.size, matrix.size), {});
    reference.compare_values(
        group + "num_embeddings",
        {static_cast<double>(grid ? grid_bucket_rows(size) : log_bucket_rows(size))},
        {reference.file().attribute<double>("outputs/" + name, "num_embeddings")}, {});
    if (grid) continue;
    reference.compare(group + "table_head", part(96, 96), {});
    // The raw column holds distance +i in row i, before the class token took row and column 0: here
    // it is row i + 1, column 1, so distance 1023 has no place.
    std::vector<double> column, row, want_column, want_row;
    std::vector<double> const raw_column = reference.values(group + "column0_raw"),
                              raw_row = reference.values(group + "row0_raw");
    for (Index i = 0; i + 1 < matrix.size; ++i) {
      column.push_back(matrix.bucket[static_cast<std::size_t>((i + 1) * matrix.size + 1)]);
      row.push_back(matrix.bucket[static_cast<std::size_t>(matrix.size + i + 1)]);
      want_column.push_back(raw_column[static_cast<std::size_t>(i)]);
      want_row.push_back(raw_row[static_cast<std::size_t>(i)]);
    }
    reference.compare_values(group + "column0_raw", column, want_column, {});
    reference.compare_values(group + "row0_raw", row, want_row, {});
  }
}

}  // namespace accord::app
