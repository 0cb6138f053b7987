#include "core/model/passes.hpp"

#include <algorithm>
#include <tuple>

#include "core/base/check.hpp"
#include "core/model/objective.hpp"

namespace accord {

std::vector<Pass> resolve_passes(ModelConfig const& config) {
  std::vector<Pass> passes;
  auto const use = [&](Pass wanted) {
    std::sort(wanted.modalities.begin(), wanted.modalities.end());
    for (Pass& pass : passes)
      if (pass.modalities == wanted.modalities && pass.masked == wanted.masked) {
        pass.gradient |= wanted.gradient;
        pass.contrasted |= wanted.contrasted;
        return;
      }
    passes.push_back(std::move(wanted));
  };
  for (ObjectiveConfig const& objective : config.objectives)
    for (Pass& pass : objective_family(objective.kind).passes(objective, config))
      use(std::move(pass));
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
