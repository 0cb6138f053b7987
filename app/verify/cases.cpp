#include "app/verify/cases.hpp"

namespace accord::app {
namespace {

struct Entry {
  char const* prefix;  ///< of the case's name; the first that fits is taken
  Case run;
  char const* needs = nullptr;  ///< a key of its configuration that tells it from others so named
};

// Trajectories and models of the fine-tuning tasks are named alike.
constexpr char const* pretraining = "/criterion/dcl_logit_scale";

constexpr Entry entries[] = {
    {"dist_itc", verify_dist_itc},
    {"dist_model", verify_dist_model, pretraining},
    {"eval_classify", verify_eval_classify},
    {"eval_retrieval", verify_eval_retrieval},
    {"mask_sampling", verify_mask_sampling},
    {"model", verify_model, pretraining},
    {"tokenizer", verify_tokenizer},
    {"train", verify_train, pretraining},
    {"transform_audio", verify_transform_audio},
    {"transform_image", verify_transform_image},
    {"unit_audio_adapter", verify_unit_adapter},
    {"unit_audio_convpos", verify_unit_audio_convpos},
    {"unit_audio_extractor", verify_unit_audio_extractor},
    {"unit_buckets", verify_unit_buckets},
    {"unit_image_hmlp", verify_unit_image_hmlp},
    {"unit_image_adapter", verify_unit_adapter},
    {"unit_image_pos_interp", verify_image_pos_interp},
    {"unit_image_relpos_interp", verify_image_relpos_interp},
    {"unit_text_adapter", verify_unit_adapter},
    {"unit_attention", verify_unit_attention},
    {"unit_geglu_ffn", verify_unit_geglu_ffn},
    {"unit_layer", verify_unit_layer},
};

}  // namespace

Case find_case(Reference const& reference) {
  for (Entry const& entry : entries)
    if (reference.name().starts_with(entry.prefix) && (!entry.needs || reference.has(entry.needs)))
      return entry.run;
  return nullptr;
}

}  // namespace accord::app
