// Whole encoder adapters, and the inputs of the decoder.

#include <algorithm>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "app/verify/stem.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/decoder.hpp"
#include "core/model/modality/adapter.hpp"
#include "core/model/modality/bias_table.hpp"
#include "core/ops/elementwise.hpp"

namespace accord::app {
namespace {

ModalityConfig adapter_config(Reference const& reference) {
  std::string const prefix = reference.file().attribute_text("/", "prefix");
  std::string const name = prefix.substr(0, prefix.find('_'));
  if (name == "audio") return reference_signal(reference, "");
  if (name == "text") return reference_text(reference, "");
  return reference_picture(reference, "");
}

// outputs/padding_mask: pads of what the adapter was given, behind a class token that is none.
void compare_padding(Reference& reference, std::vector<std::int64_t> const& kept) {
  io::Hdf5Reader const& file = reference.file();
  std::vector<Index> const shape = reference.shape("outputs/padding_mask");
  std::vector<double> padding(static_cast<std::size_t>(shape[0] * shape[1]), 0.0);
  if (!kept.empty()) {
    padding.assign(kept.begin(), kept.end());
    for (double& pad : padding) pad = pad < 0;
  } else if (file.exists("inputs/padding_mask")) {
    padding = reference.values("inputs/padding_mask");
  } else if (file.exists("inputs/src_tokens")) {
    std::vector<double> const ids = reference.values("inputs/src_tokens");
    auto const width = static_cast<std::size_t>(shape[1] - 1);
    for (std::size_t i = 0; i < ids.size(); ++i)
      padding[i / width * (width + 1) + 1 + i % width] = ids[i] == pad_token;
  }
  reference.compare("outputs/padding_mask", padding, {});
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
  compare_padding(reference, kept);
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

  compare_padding(reference, {});
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare(queue, "outputs/x", x, tolerance_of(Quantity::unit_output, reference.dtype()));
  std::vector<double> const rows = as_doubles(queue, df);
  std::vector<double> dembedded(embedded.size(), 0.0);
  for (std::size_t i = 0; i < slots.size(); ++i)
    std::copy_n(rows.begin() + static_cast<std::ptrdiff_t>(i) * d, d,
                dembedded.begin() + static_cast<std::ptrdiff_t>(slots[i]) * d);
  reference.compare("grads/input/preserve_embed", dembedded, gradient);
  reference.compare(queue, "grads/input/mask_token", store.gradient(token), gradient);
  compare_gradients(queue, reference, store, gradient, prefix);
}

}  // namespace

void verify_unit_adapter(Queue& queue, Reference& reference) {
  if (reference.file().attribute_text("/", "mode") == "decoder")
    verify_decoder_adapter(queue, reference);
  else
    verify_encoder_adapter(queue, reference);
}

}  // namespace accord::app
