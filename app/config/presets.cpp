#include "app/config/presets.hpp"

#include <fmt/format.h>

#include "core/base/check.hpp"

namespace accord::app {

std::vector<std::string> preset_names() { return {"", "onepeace-4b"}; }

std::string_view preset_toml(std::string_view name) {
  if (name.empty()) return "";
  ACCORD_CHECK(name == "onepeace-4b", "no preset {}", name);
  return R"(
[model]
embed_dim = 1536
layers = 40
heads = 24
ffn_dim = 6144
layer_scale_init = 1e-6
drop_path = 0.4

[model.decoder]
embed_dim = 768
layers = 2
heads = 12
ffn_dim = 2048

[[modality]]
name = "text"
adapter = "token"
vocabulary = 50264
)";
}

namespace {

/// Text and pictures (docs/model.md 2.3).
constexpr std::string_view stage_1 = R"(
[[modality]]
name = "text"
adapter = "token"

[[modality]]
name = "image"
adapter = "patch"

[[objective]]
name = "itc"
kind = "contrast"
student = ["image"]
teacher = ["text"]
weight = 1.0

[[objective]]
name = "dcl_text_text"
kind = "denoise"
student = ["text"]
teacher = ["text"]
modality = "text"
weight = 0.5

[[objective]]
name = "dcl_image_image"
kind = "denoise"
student = ["image"]
teacher = ["image"]
modality = "image"
weight = 1.0

[[objective]]
name = "dcl_vl_text"
kind = "denoise"
student = ["text", "image"]
teacher = ["text", "image"]
modality = "text"
weight = 0.5

[[objective]]
name = "dcl_vl_image"
kind = "denoise"
student = ["text", "image"]
teacher = ["text", "image"]
modality = "image"
weight = 0.5
)";

/// Sounds join what text and the shared layers already know (docs/model.md 2.4).
constexpr std::string_view stage_2 = R"(
[train]
frozen = [
  "text_proj.",
  "encoder_wrapper.text_adapter.",
  "encoder_wrapper.fusion_model.text_layer_norm.",
  "encoder_wrapper.fusion_model.layers.*.self_attn.",
  "encoder_wrapper.fusion_model.layers.*.self_attn_layer_norm.",
  "encoder_wrapper.fusion_model.layers.*.final_layer_norm.",
  "encoder_wrapper.fusion_model.layers.*.gamma_",
  "encoder_wrapper.fusion_model.layers.*.text_ffn.",
]

[[modality]]
name = "text"
adapter = "token"
joint_mask = "independent"

[[modality]]
name = "audio"
adapter = "convolution"

[[objective]]
name = "atc"
kind = "contrast"
student = ["audio"]
teacher = ["text"]
weight = 1.0

[[objective]]
name = "dcl_audio_audio"
kind = "denoise"
student = ["audio"]
teacher = ["text", "audio"]
modality = "audio"
weight = 1.0

[[objective]]
name = "dcl_al_text"
kind = "denoise"
student = ["text", "audio"]
teacher = ["text", "audio"]
modality = "text"
weight = 0.5

[[objective]]
name = "dcl_al_audio"
kind = "denoise"
student = ["text", "audio"]
teacher = ["text", "audio"]
modality = "audio"
weight = 0.5
)";

}  // namespace

std::string_view stage_toml(int stage) {
  if (stage == 0) return "";
  return stage == 1 ? stage_1 : stage_2;
}

std::vector<std::string> published_no_decay() {
  return {
      "encoder_wrapper.text_adapter.embed_positions.weight",
      "encoder_wrapper.text_adapter.cls_embedding",
      "encoder_wrapper.image_adapter.pos_embed",
      "encoder_wrapper.image_adapter.cls_embedding",
      "encoder_wrapper.audio_adapter.cls_embedding",
      "decoder_wrapper.text_adapter.embed_positions.weight",
      "decoder_wrapper.image_adapter.cls_embedding",
      "decoder_wrapper.audio_adapter.embed_positions.weight",
      "decoder_wrapper.audio_adapter.cls_embedding",
  };
}

}  // namespace accord::app
