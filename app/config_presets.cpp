#include "app/config_presets.hpp"

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

std::string_view stage_toml(int stage) {
  if (stage == 0) return "";
  if (stage != 1)
    throw UsageError(
        fmt::format("train.stage = {}: there is only stage 1 so far; list the terms "
                    "yourself as [[objective]]",
                    stage));
  return R"(
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
