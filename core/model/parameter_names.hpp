#pragma once
// The grammar of official parameter names (docs/model.md 1.11): written and read here, known
// nowhere else. With a modality <m>, such as "image", and a layer <l>:
//
//   encoder_wrapper.<m>_adapter. ...                          what the family of adapters has
//   encoder_wrapper.<m>_adapter.rel_pos_table_list.<l>.weight  0: of all layers, where not each has
//                                                              its own
//   encoder_wrapper.fusion_model.layers.<l>.                   self_attn. self_attn_layer_norm.
//                                                              final_layer_norm. gamma_1 gamma_2
//   encoder_wrapper.fusion_model.layers.<l>.<m>_ffn. ...
//   encoder_wrapper.fusion_model.<m>_layer_norm. ...
//   decoder_wrapper. ...                                      the same once more
//   decoder_<m>_embed. <m>_mask_token <m>_mask_head.          into the decoder and out of it
//   <m>_proj. logit_scale sigmoid_contrast. classify_head.

#include <initializer_list>
#include <string>

#include "core/base/dtype.hpp"

namespace accord::official {

inline constexpr char const* encoder = "encoder_wrapper";
inline constexpr char const* decoder = "decoder_wrapper";
inline constexpr char const* fusion_model = "fusion_model";
inline constexpr char const* attention = "self_attn";
inline constexpr char const* attention_norm = "self_attn_layer_norm";
inline constexpr char const* ffn_norm = "final_layer_norm";
inline constexpr char const* attention_scale = "gamma_1";
inline constexpr char const* ffn_scale = "gamma_2";
inline constexpr char const* logit_scale = "logit_scale";
inline constexpr char const* classify_head = "classify_head";

// Components: what stands between two dots, of `modality` where they have one.
std::string layer(Index number);  ///< two components
std::string adapter(std::string const& modality);
std::string ffn(std::string const& modality);
std::string output_norm(std::string const& modality);
std::string projection(std::string const& modality);
std::string decoder_embed(std::string const& modality);
std::string mask_token(std::string const& modality);
std::string mask_head(std::string const& modality);
std::string bias_table(Index number);  ///< within an adapter

/// The components with a dot behind each: what every name below them begins with.
std::string prefix(std::initializer_list<std::string> components);

/// For names that no model at hand has made, as in a file: the component they begin with, and the
/// modality they are of, empty where it is none's.
std::string first_component(std::string const& name);
std::string modality_of(std::string const& name);

}  // namespace accord::official
