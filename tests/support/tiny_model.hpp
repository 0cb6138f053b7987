#pragma once
// A ONE-PEACE small enough for finite differences, and synthetic micro-batches for it.

#include <cstring>

#include "core/model/micro_step.hpp"
#include "core/model/modality/masks.hpp"

namespace accord::testing {

/// Stage 1: text and image, width 16, `layers` layers, all five objectives.
inline ModelConfig tiny_model_config(Index layers = 3, double drop_path = 0.4) {
  ModelConfig config;
  config.encoder = {.embed_dim = 16,
                    .layers = layers,
                    .heads = 4,
                    .ffn_dim = 24,
                    .layer_scale_init = 1e-6,
                    .drop_path = drop_path};
  config.decoder = {.embed_dim = 8, .layers = 2, .heads = 2, .ffn_dim = 12};
  ModalityConfig text{.name = "text",
                      .adapter = "token",
                      .vocabulary = 40,
                      .positions = 30,
                      .max_tokens = 20,
                      .bucket_size = 8,
                      .mask = MaskKind::whole_word,
                      .mask_ratio = 0.3,
                      .joint_mask_ratio = 0.4};
  ModalityConfig image{.name = "image",
                       .adapter = "patch",
                       .size = 48,
                       .patch = 16,
                       .mask = MaskKind::uniform,
                       .mask_ratio = 0.7,
                       .joint_mask_ratio = 0.6};
  config.modalities = {text, image};
  config.objectives = {
      {.name = "itc", .kind = "contrast", .weight = 1, .student = {1}, .teacher = {0}},
      {.name = "dcl_text_text",
       .kind = "denoise",
       .weight = 0.5,
       .student = {0},
       .teacher = {0},
       .modality = 0},
      {.name = "dcl_image_image",
       .kind = "denoise",
       .weight = 1,
       .student = {1},
       .teacher = {1},
       .modality = 1},
      {.name = "dcl_vl_text",
       .kind = "denoise",
       .weight = 0.5,
       .student = {0, 1},
       .teacher = {0, 1},
       .modality = 0},
      {.name = "dcl_vl_image",
       .kind = "denoise",
       .weight = 0.5,
       .student = {0, 1},
       .teacher = {0, 1},
       .modality = 1},
  };
  config.loss.denoising_pool = 2;
  config.loss.tile = 7;
  return config;
}

/// Fine-tuning: contrast and classification, position bias by layer, positions resized from 2 x 2
/// to 3 x 3 patches, no decoder. With attention pooling the head reads the image pass and samples
/// have one of five classes, with the class token it reads the joint pass and they may have
/// several.
inline ModelConfig tiny_finetune_config(Index layers, Pooling pooling) {
  ModelConfig config = tiny_model_config(layers);
  config.decoder = {};
  config.layer_position_bias = true;
  config.modalities[1].position_side = 2;
  config.loss.classify_label_smoothing = 0.1;
  config.objectives.resize(1);
  ObjectiveConfig classify{.name = "class",
                           .kind = "classify",
                           .weight = 0.7,
                           .student = {1},
                           .teacher = {},
                           .modality = 1,
                           .pooling = pooling,
                           .classes = 5};
  if (pooling == Pooling::class_token) classify.student = {0, 1};
  config.objectives.push_back(classify);
  return config;
}

/// Stage 2: text and audio, of the same sizes; text and the shared layers are frozen.
inline ModelConfig tiny_audio_model_config(Index layers = 3, double drop_path = 0.4) {
  ModelConfig config = tiny_model_config(layers, drop_path);
  config.modalities[0].joint_mask = JointMask::independent;
  config.modalities[1] = {.name = "audio",
                          .adapter = "convolution",
                          .positions = 30,
                          .bucket_size = 8,
                          .sample_rate = 100,
                          .min_seconds = 0.3,
                          .max_seconds = 0.9,
                          .channels = 6,
                          .kernels = {5, 3},
                          .strides = {3, 2},
                          .position_kernel = 3,
                          .position_groups = 4,
                          .position_layers = 2,
                          .mask = MaskKind::block,
                          .mask_ratio = 0.55,
                          .joint_mask = JointMask::independent,
                          .joint_mask_ratio = 0.45};
  config.objectives = {
      {.name = "atc", .kind = "contrast", .weight = 1, .student = {1}, .teacher = {0}},
      {"dcl_audio_audio", "denoise", 1, {1}, {0, 1}, 1},
      {"dcl_al_text", "denoise", 0.5, {0, 1}, {0, 1}, 0},
      {"dcl_al_audio", "denoise", 0.5, {0, 1}, {0, 1}, 1},
  };
  std::string const layer = "encoder_wrapper.fusion_model.layers.*.";
  config.frozen = {"text_proj.",
                   "encoder_wrapper.text_adapter.",
                   "encoder_wrapper.fusion_model.text_layer_norm.",
                   layer + "self_attn",
                   layer + "final_layer_norm.",
                   layer + "gamma_",
                   layer + "text_ffn."};
  return config;
}

/// Text and a patch sequence, with stage 1's objectives: a series where `frame` is [channels], else
/// a video.
inline ModelConfig tiny_sequence_model_config(std::vector<Index> const& frame, Index layers = 3,
                                              double drop_path = 0.4) {
  ModelConfig config = tiny_model_config(layers, drop_path);
  bool const video = frame.size() == 3;
  config.modalities[1] = {.name = "motion",
                          .adapter = "patch_sequence",
                          .bucket_size = 8,
                          .patch = video ? 2 : 1,
                          .frame = frame,
                          .patch_frames = 2,
                          .max_frames = video ? 5 : 15,
                          .mask = MaskKind::uniform,
                          .mask_ratio = 0.6,
                          .joint_mask_ratio = 0.5};
  return config;
}

/// Samples at positions [first, first + count), captions, sounds and sequences of unequal length
/// (captions of `equal_length` rows and the others of the greatest if given): a pure function of
/// the position.
inline MicroBatch tiny_batch(ModelConfig const& config, std::uint64_t first, Index count,
                             Index equal_length = 0, std::uint32_t seed = 11) {
  MicroBatch batch;
  Draws const draws(seed, Purpose::item);
  MaskSampler const sampler(config, seed);
  batch.inputs.resize(config.modalities.size());
  batch.lengths.resize(config.modalities.size());
  auto append = [](ModalityInput& input, auto const& values) {
    auto const* bytes = reinterpret_cast<std::byte const*>(values.data());
    input.data.insert(input.data.end(), bytes, bytes + values.size() * sizeof(values[0]));
    input.offsets.push_back(input.offsets.back() + static_cast<Index>(values.size()));
  };
  for (std::uint64_t p = first; p < first + static_cast<std::uint64_t>(count); ++p) {
    batch.positions.push_back(p);
    batch.keys.push_back(std::to_string(p));
    std::vector<MaskItem> items;
    std::vector<std::vector<std::uint8_t>> starts(config.modalities.size());
    for (std::size_t m = 0; m < config.modalities.size(); ++m) {
      ModalityConfig const& modality = config.modalities[m];
      if (modality.adapter == "token") {
        Index const n = equal_length ? equal_length : 2 + draws.below(9, p, 100, 0);
        std::vector<std::int32_t> ids;
        for (Index i = 0; i < n; ++i) {
          ids.push_back(static_cast<std::int32_t>(
              4 + draws.below(36, p, 101, static_cast<std::uint32_t>(i))));
          starts[m].push_back(i == 0 || draws.below(2, p, 102, static_cast<std::uint32_t>(i)));
        }
        ids.push_back(2);
        batch.inputs[m].dtype = DType::int32;
        append(batch.inputs[m], ids);
        batch.lengths[m].push_back(n + 2);
        items.push_back({n, starts[m]});
      } else if (modality.adapter != "patch") {
        auto const rate = static_cast<double>(modality.sample_rate);
        bool const framed = !modality.frame.empty();
        Index const unit = framed ? frame_elements(modality) : 1;
        auto const least = framed ? modality.patch_frames + 1
                                  : static_cast<Index>(modality.min_seconds * rate),
                   most = framed ? modality.max_frames
                                 : static_cast<Index>(modality.max_seconds * rate);
        Index const n =
            unit * (equal_length
                        ? most
                        : least + draws.below(static_cast<std::uint32_t>(most - least), p, 104, 0));
        std::vector<float> samples;
        for (Index i = 0; i < n; ++i)
          samples.push_back(
              static_cast<float>(draws.word(p, 105, static_cast<std::uint32_t>(i)) * 0x1p-31 - 1));
        batch.inputs[m].dtype = DType::float32;
        append(batch.inputs[m], samples);
        batch.lengths[m].push_back(adapter_family(modality.adapter).tokens(modality, n));
        items.push_back({batch.lengths[m].back() - 1, {}});
      } else {
        std::vector<std::uint8_t> pixels;
        for (Index i = 0; i < modality.size * modality.size * 3; ++i)
          pixels.push_back(
              static_cast<std::uint8_t>(draws.word(p, 103, static_cast<std::uint32_t>(i)) >> 24));
        batch.inputs[m].dtype = DType::uint8;
        append(batch.inputs[m], pixels);
        Index const side = modality.size / modality.patch;
        batch.lengths[m].push_back(side * side + 1);
        items.push_back({side * side, {}});
      }
    }
    sampler.append(p, items, batch.masks);
    if (int const o = find_objective(config, &ObjectiveFamily::labelled); o >= 0) {
      ObjectiveConfig const& objective = config.objectives[static_cast<std::size_t>(o)];
      auto const classes = static_cast<std::uint32_t>(objective.classes);
      if (objective.pooling == Pooling::attention)
        batch.labels.push_back(draws.below(classes, p, 104, 0));
      else
        for (std::uint32_t c = 0; c < classes; ++c)
          batch.multi_hot.push_back(static_cast<std::uint8_t>(draws.below(2, p, 104, c)));
    }
  }
  return batch;
}

}  // namespace accord::testing
