#include "core/model/config.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/check.hpp"

namespace accord {

int find_modality(ModelConfig const& config, std::string const& name) {
  for (std::size_t m = 0; m < config.modalities.size(); ++m)
    if (config.modalities[m].name == name) return static_cast<int>(m);
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
        use(objective.student, false, true, true);
        use(objective.teacher, false, true, true);
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
