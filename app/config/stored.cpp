#include "app/config/stored.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "core/model/objective.hpp"

namespace accord::app {
namespace {

/// Adds the modalities of another model that it has contrasted, and those contrasts.
void add_contrasted(ModelConfig& model, ModelConfig const& other) {
  auto const added = [&](Modality m) {
    ModalityConfig const& modality = other.modalities[m.index()];
    if (find_modality(model, modality.name) == Modality::none) model.modalities.push_back(modality);
    return find_modality(model, modality.name);
  };
  for (ObjectiveConfig objective : other.objectives) {
    bool const known = std::ranges::any_of(
        model.objectives, [&](ObjectiveConfig const& o) { return o.name == objective.name; });
    if (!objective_family(objective.kind).embeds || known) continue;
    for (std::vector<Modality>* side : {&objective.student, &objective.teacher})
      for (Modality& m : *side) m = added(m);
    objective.modality = objective.student.front();
    model.objectives.push_back(std::move(objective));
  }
}

Config read(std::string const& toml, io::OpenCheckpoint const& checkpoint) {
  try {
    return parse_config(toml, checkpoint.folder.string());
  } catch (UsageError const& error) {
    throw DataError(fmt::format("{}: its configuration cannot be read by this version: {}",
                                checkpoint.folder.string(), error.what()));
  }
}

}  // namespace

Config stored_config(io::OpenCheckpoint const& checkpoint) {
  return read(checkpoint.manifest.documents.configuration, checkpoint);
}

Config whole_config(io::OpenCheckpoint const& checkpoint) {
  Config config = stored_config(checkpoint);
  // A fine-tuned model's shared layers have moved away from what it carries.
  if (config.model.layer_position_bias || has_objective(config.model, &ObjectiveFamily::labelled))
    return config;
  if (std::string const& carried = checkpoint.manifest.documents.run.carried_configuration;
      !carried.empty())
    add_contrasted(config.model, read(carried, checkpoint).model);
  return config;
}

}  // namespace accord::app
