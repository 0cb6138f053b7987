#include "core/model/config.hpp"

#include <algorithm>

#include "core/base/check.hpp"
#include "core/model/parameter_names.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {

Modality find_modality(ModelConfig const& config, std::string const& name) {
  for (std::size_t m = 0; m < config.modalities.size(); ++m)
    if (config.modalities[m].name == name) return Modality(m);
  return Modality::none;
}

Index frame_elements(ModalityConfig const& config) {
  Index elements = 1;
  for (Index const extent : config.frame) elements *= extent;
  return elements;
}

bool trains(ModelConfig const& config, Modality modality) {
  std::string const& name = config.modalities[modality.index()].name;
  using official::prefix;
  std::string const fusion = prefix({official::encoder, official::fusion_model});
  std::vector<std::string> groups{prefix({official::encoder, official::adapter(name)}),
                                  fusion + prefix({official::output_norm(name)}),
                                  prefix({official::projection(name)})};
  std::vector<std::string> parts{prefix({official::attention}), prefix({official::attention_norm}),
                                 prefix({official::ffn_norm}), prefix({official::ffn(name)})};
  if (config.encoder.layer_scale_init > 0)
    parts.insert(parts.end(), {official::attention_scale, official::ffn_scale});
  for (Index l = 0; l < config.encoder.layers; ++l)
    for (std::string const& part : parts)
      groups.push_back(fusion + prefix({official::layer(l)}) + part);
  return !std::ranges::all_of(
      groups, [&](std::string const& group) { return begins_with_one_of(group, config.frozen); });
}

}  // namespace accord
