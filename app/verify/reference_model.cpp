#include "app/verify/reference_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "app/config/config.hpp"
#include "app/config/presets.hpp"
#include "core/base/error.hpp"

namespace accord::app {
namespace {

Index integer(Reference const& reference, std::string const& pointer) {
  return static_cast<Index>(reference.number(pointer));
}

StackConfig stack(Reference const& reference, std::string const& at) {
  StackConfig config{.embed_dim = integer(reference, at + "/embed_dim"),
                     .layers = integer(reference, at + "/layers"),
                     .heads = integer(reference, at + "/attention_heads"),
                     .ffn_dim = integer(reference, at + "/ffn_embed_dim")};
  if (reference.flag(at + "/use_layer_scale"))
    config.layer_scale_init = reference.number(at + "/layer_scale_init_value");
  config.drop_path = reference.number(at + "/drop_path_rate");
  return config;
}

template <class T>
void append(ModalityInput& input, std::vector<T> const& item) {
  std::size_t const begin = input.data.size();
  input.data.resize(begin + item.size() * sizeof(T));
  std::memcpy(input.data.data() + begin, item.data(), item.size() * sizeof(T));
  input.offsets.push_back(input.offsets.back() + static_cast<Index>(item.size()));
}

}  // namespace

ModalityConfig reference_signal(Reference const& reference, std::string const& pointer) {
  ModalityConfig config{.name = "audio", .adapter = "convolution", .positions = 1026};
  config.bucket_size = integer(reference, pointer + "/bucket_size");
  config.channels = integer(reference, pointer + "/feature_embed_dim");
  config.position_layers = integer(reference, pointer + "/conv_pos_depth");
  config.position_groups = integer(reference, pointer + "/conv_pos_groups");
  config.position_kernel =
      std::max<Index>(3, integer(reference, pointer + "/conv_pos_width") / config.position_layers);
  config.max_seconds = 2;
  return config;
}

std::string official_term(ObjectiveConfig const& objective, ModelConfig const& config) {
  bool const alone =
      objective.kind == ObjectiveConfig::Kind::denoise && objective.student.size() == 1;
  return (alone ? "dcl_" + config.modalities[static_cast<std::size_t>(objective.modality)].name
                : objective.name) +
         "_loss";
}

std::string official_count(ModelConfig const& config, Modality a, Modality b) {
  auto const initial = [&](Modality m) {
    return config.modalities[static_cast<std::size_t>(m)].name[0];
  };
  return fmt::format("{}2{}_ncorrect", initial(a), initial(b));
}

ModelConfig reference_model_config(Reference const& reference, Index pool) {
  using Kind = ObjectiveConfig::Kind;
  std::string const encoder = "/model/encoder";
  ModelConfig config;
  config.encoder = stack(reference, encoder);
  config.decoder = stack(reference, "/model/decoder");
  if (reference.flag(encoder + "/use_text_moe"))
    config.modalities.push_back(
        {.name = "text",
         .adapter = "token",
         .vocabulary = integer(reference, "/vocab"),
         .positions = 514,
         .bucket_size = integer(reference, encoder + "/text_adapter/bucket_size")});
  if (reference.flag(encoder + "/use_image_moe"))
    config.modalities.push_back(
        {.name = "image",
         .adapter = "patch",
         .size = 16 * integer(reference, encoder + "/image_adapter/bucket_size"),
         .patch = 16,
         .stem = reference.text(encoder + "/image_adapter/vision_encoder_type")});
  if (reference.flag(encoder + "/use_audio_moe"))
    config.modalities.push_back(reference_signal(reference, encoder + "/audio_adapter"));
  auto weight = [&](std::string const& key) { return reference.number("/criterion/" + key); };
  auto find = [&](char const* name) { return find_modality(config, name); };
  Modality const text = find("text"), other = find("audio") >= 0 ? find("audio") : find("image");
  std::vector<Modality> const joint{text, other};
  auto denoise = [&](std::string const& name, std::string const& alpha,
                     std::vector<Modality> const& student, std::vector<Modality> const& teacher,
                     Modality modality) {
    config.objectives.push_back({"dcl_" + name, Kind::denoise, weight("dcl_" + alpha + "_alpha"),
                                 student, teacher, modality});
  };
  if (other == find("audio")) {
    config.objectives = {{"atc", Kind::contrast, 1, {other}, {text}, other}};
    denoise("audio_audio", "audio", {other}, joint, other);
    denoise("al_text", "al_text", joint, joint, text);
    denoise("al_audio", "al_audio", joint, joint, other);
    config.frozen = parse_config(R"(model = {preset = "onepeace-4b"}
                                    train = {stage = 2, steps = 1, global_batch = 32})",
                                 "stage 2")
                        .model.frozen;
  } else {
    config.objectives = {{"itc", Kind::contrast, 1, {other}, {text}, other}};
    denoise("text_text", "text", {text}, {text}, text);
    denoise("image_image", "image", {other}, {other}, other);
    denoise("vl_text", "vl_text", joint, joint, text);
    denoise("vl_image", "vl_image", joint, joint, other);
  }
  config.loss.denoising_pool = pool;
  config.loss.dcl_scale = weight("dcl_logit_scale");
  config.loss.label_smoothing = weight("label_smoothing");
  config.parity = {
      .decoder_key_mask = false, .audio_pad_zero = false, .adam_epsilon_corrected = false};
  config.no_decay = published_no_decay();
  return config;
}

void load_reference_weights(Queue& queue, Reference const& reference, ParameterStore& store,
                            std::string const& group, std::string const& prefix) {
  std::size_t loaded = 0;
  for (int id = 0; id < store.count(); ++id) {
    std::string const& name = store.spec(id).name;
    if (!name.starts_with(prefix)) continue;
    std::string const dataset = group + name.substr(prefix.size());
    if (!reference.file().exists(dataset))
      throw DataError(fmt::format("{}: no {}", reference.file().path().string(), dataset));
    View const value = store.value(id);
    copy(queue, reference.tensor(queue, reference.values(dataset), value.shape()), value);
    ++loaded;
  }
  std::size_t const stored = reference.file().datasets(group).size();
  if (loaded != stored)
    throw DataError(fmt::format("{}: {} holds {} tensors, the model has {} of them",
                                reference.file().path().string(), group, stored, loaded));
}

MicroBatch reference_batch(Reference const& reference, ModelConfig const& config,
                           std::string const& group) {
  std::vector<Pass> const passes = resolve_passes(config);
  MicroBatch batch;
  batch.inputs.resize(config.modalities.size());
  batch.lengths.resize(config.modalities.size());
  Index const samples = reference.shape(group + "src_tokens")[0];
  for (Index s = 0; s < samples; ++s) {
    batch.positions.push_back(static_cast<std::uint64_t>(s));
    batch.keys.push_back(std::to_string(s));
  }
  for (std::size_t m = 0; m < config.modalities.size(); ++m) {
    ModalityInput& input = batch.inputs[m];
    if (config.modalities[m].adapter == "token") {
      auto const ids = reference.file().read<std::int32_t>(group + "src_tokens");
      Index const width = reference.shape(group + "src_tokens")[1];
      input.dtype = DType::int32;
      for (Index s = 0; s < samples; ++s) {
        std::vector<std::int32_t> item;
        for (Index i = 0; i < width; ++i)
          if (std::int32_t const id = ids[static_cast<std::size_t>(s * width + i)]; id != 1)
            item.push_back(id);
        append(input, item);
        batch.lengths[m].push_back(static_cast<Index>(item.size()) + 1);
      }
    } else {
      bool const signal = config.modalities[m].adapter == "convolution";
      auto const values = reference.values(group + (signal ? "src_audios" : "src_images"));
      std::size_t const item = values.size() / static_cast<std::size_t>(samples);
      input.dtype = reference.dtype();
      for (std::size_t s = 0; s < static_cast<std::size_t>(samples); ++s) {
        auto const begin = values.begin() + static_cast<std::ptrdiff_t>(s * item);
        auto end = begin + static_cast<std::ptrdiff_t>(item);
        while (signal && end != begin && end[-1] == 0) --end;  // the padding of shorter ones
        if (reference.dtype() == DType::float64)
          append(input, std::vector<double>(begin, end));
        else
          append(input, std::vector<float>(begin, end));
        batch.lengths[m].push_back(
            adapter_family(config.modalities[m].adapter).tokens(config.modalities[m], end - begin));
      }
    }
  }
  batch.masks.resize(passes.size());
  for (std::size_t p = 0; p < passes.size(); ++p) {
    if (!passes[p].masked) continue;
    for (Modality m : passes[p].modalities) {
      std::string const name = config.modalities[static_cast<std::size_t>(m)].name;
      std::string const joint = find_modality(config, "audio") >= 0 ? "al_" : "vl_";
      std::string const dataset =
          group + (passes[p].modalities.size() > 1 ? joint : "") + name + "_mask_indices";
      auto const flags = reference.file().read<std::uint8_t>(dataset);
      Index const width = reference.shape(dataset)[1];
      TokenMask mask;
      for (Index s = 0; s < samples; ++s) {
        Index const length =
            batch.lengths[static_cast<std::size_t>(m)][static_cast<std::size_t>(s)];
        auto const begin = flags.begin() + s * width;
        mask.masked.insert(mask.masked.end(), begin, begin + length);
        mask.offsets.push_back(static_cast<Index>(mask.masked.size()));
      }
      batch.masks[p].push_back(std::move(mask));
    }
  }
  return batch;
}

}  // namespace accord::app
