#include "core/model/config.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/check.hpp"
#include "core/model/parameter_names.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {

bool denoises(ModelConfig const& config) {
  return std::any_of(
      config.objectives.begin(), config.objectives.end(),
      [](ObjectiveConfig const& o) { return o.kind == ObjectiveConfig::Kind::denoise; });
}

int find_modality(ModelConfig const& config, std::string const& name) {
  for (std::size_t m = 0; m < config.modalities.size(); ++m)
    if (config.modalities[m].name == name) return static_cast<int>(m);
  return -1;
}

Index frame_elements(ModalityConfig const& config) {
  Index elements = 1;
  for (Index const extent : config.frame) elements *= extent;
  return elements;
}

bool trains(ModelConfig const& config, Modality modality) {
  std::string const& name = config.modalities[static_cast<std::size_t>(modality)].name;
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

int find_classification(ModelConfig const& config) {
  for (std::size_t o = 0; o < config.objectives.size(); ++o)
    if (config.objectives[o].kind == ObjectiveConfig::Kind::classify) return static_cast<int>(o);
  return -1;
}

std::vector<Pass> resolve_passes(ModelConfig const& config) {
  std::vector<Pass> passes;
  auto use = [&](std::vector<Modality> modalities, bool masked, bool gradient, bool contrasted) {
    std::sort(modalities.begin(), modalities.end());
    for (Pass& pass : passes)
      if (pass.modalities == modalities && pass.masked == masked) {
        pass.gradient |= gradient;
        pass.contrasted |= contrasted;
        return;
      }
    passes.push_back({std::move(modalities), masked, gradient, contrasted});
  };
  for (ObjectiveConfig const& objective : config.objectives) {
    switch (objective.kind) {
      case ObjectiveConfig::Kind::contrast:
        for (Modality m : {objective.student.front(), objective.teacher.front()})
          use({m}, false, trains(config, m), true);
        break;
      case ObjectiveConfig::Kind::denoise:
        use(objective.teacher, false, false, false);
        use(objective.student, true, true, false);
        break;
      case ObjectiveConfig::Kind::classify:
        use(objective.student, false, true, false);
        break;
    }
  }
  std::sort(passes.begin(), passes.end(), [](Pass const& a, Pass const& b) {
    return std::tuple(a.masked, a.modalities.size(), a.modalities) <
           std::tuple(b.masked, b.modalities.size(), b.modalities);
  });
  return passes;
}

int find_pass(std::vector<Pass> const& passes, std::vector<Modality> const& modalities,
              bool masked) {
  for (std::size_t i = 0; i < passes.size(); ++i)
    if (passes[i].masked == masked && passes[i].modalities == modalities)
      return static_cast<int>(i);
  throw Error(fmt::format("no {} pass of {} modalities", masked ? "masked" : "unmasked",
                          modalities.size()));
}

}  // namespace accord
