#include "core/model/objective.hpp"

#include <algorithm>

#include "core/base/check.hpp"

namespace accord {

Tensor MicroBatchObjective::answers(Queue&, Pack const&, ConstView, Index) const {
  throw Error("this kind of objective has no answers");
}

int find_objective(ModelConfig const& config, bool ObjectiveFamily::*asks) {
  for (std::size_t o = 0; o < config.objectives.size(); ++o)
    if (objective_family(config.objectives[o].kind).*asks) return static_cast<int>(o);
  return -1;
}

bool embeds(ModelConfig const& config) {
  return has_objective(config, &ObjectiveFamily::embeds) ||
         !has_objective(config, &ObjectiveFamily::labelled);
}

bool holds(ModelConfig const& config, ObjectiveFamily const& family) {
  return std::ranges::any_of(
             config.objectives,
             [&](ObjectiveConfig const& objective) { return objective.kind == family.name; }) ||
         (family.by_default && !has_objective(config, &ObjectiveFamily::embeds) &&
          !has_objective(config, &ObjectiveFamily::labelled));
}

std::vector<Term> terms_of(ModelConfig const& config, ObjectiveFamily const& family) {
  std::vector<Term> terms;
  Index index = 0, counts = 0;
  for (ObjectiveConfig const& objective : config.objectives) {
    ObjectiveFamily const& own = objective_family(objective.kind);
    if (&own == &family) terms.push_back({&objective, index, counts});
    ++index;
    counts += static_cast<Index>(own.counts(objective, config).size());
  }
  return terms;
}

std::vector<std::string> count_names(ModelConfig const& config) {
  std::vector<std::string> names;
  for (ObjectiveConfig const& objective : config.objectives)
    for (std::string& name : objective_family(objective.kind).counts(objective, config))
      names.push_back(std::move(name));
  return names;
}

std::vector<std::string> scalar_names(ModelConfig const& config) {
  std::vector<std::string> names;
  for (ObjectiveFamily const* family : objective_families()) {
    if (!holds(config, *family)) continue;
    for (std::string name : family->scalars) {
      if (std::ranges::find(names, name) != names.end())
        name = std::string(family->name) + "_" + name;
      names.push_back(std::move(name));
    }
  }
  return names;
}

}  // namespace accord
