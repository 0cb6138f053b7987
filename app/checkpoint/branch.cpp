#include "app/checkpoint/branch.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/cli/text.hpp"
#include "core/base/error.hpp"
#include "core/model/model.hpp"

namespace accord::app {
namespace {

/// The modalities' numbers in the branch. False if one of them is not in it.
bool renumber(std::vector<Modality>& modalities, std::vector<Modality> const& kept) {
  for (Modality& m : modalities) {
    auto const found = std::find(kept.begin(), kept.end(), m);
    if (found == kept.end()) return false;
    m = Modality(static_cast<std::size_t>(found - kept.begin()));
  }
  return true;
}

bool remains(ObjectiveConfig& objective, std::vector<Modality> const& kept, DecoderPart decoder) {
  if (objective_family(objective.kind).decodes && decoder == DecoderPart::without) return false;
  std::vector<Modality> own{objective.modality};
  if (objective.modality != Modality::none && !renumber(own, kept)) return false;
  objective.modality = own.front();
  return renumber(objective.student, kept) && renumber(objective.teacher, kept);
}

}  // namespace

Config branch_of(Config const& config, std::vector<Modality> const& modalities,
                 DecoderPart decoder) {
  std::vector<Modality> kept = modalities;
  std::sort(kept.begin(), kept.end());
  Config branch = config;
  ModelConfig& model = branch.model;
  model.modalities.clear();
  for (Modality const m : kept) model.modalities.push_back(config.model.modalities[m.index()]);
  model.objectives.clear();
  for (ObjectiveConfig objective : config.model.objectives)
    if (remains(objective, kept, decoder)) model.objectives.push_back(std::move(objective));
  if (model.objectives.empty()) branch.train.stage = 0;  // or reading would add the stage's own
  if (decoder == DecoderPart::without) model.decoder = {};

  std::vector<ParameterSpec> const parameters = Model::describe(model);
  std::erase_if(model.frozen, [&](std::string const& prefix) {
    return std::none_of(parameters.begin(), parameters.end(),
                        [&](ParameterSpec const& spec) { return begins_with(spec.name, prefix); });
  });
  return branch;
}

std::vector<Modality> all_modalities(ModelConfig const& model) {
  std::vector<Modality> all;
  for (std::size_t m = 0; m < model.modalities.size(); ++m) all.push_back(Modality(m));
  return all;
}

std::vector<Modality> modalities_named(ModelConfig const& model,
                                       std::vector<std::string> const& names) {
  std::vector<std::string> known;
  for (ModalityConfig const& modality : model.modalities) known.push_back(modality.name);
  std::vector<Modality> found;
  for (std::string const& name : names) {
    Modality const m = find_modality(model, name);
    if (m == Modality::none)
      throw UsageError(
          fmt::format("there is no modality \"{}\"; the model has {}", name, joined(known)));
    if (std::find(found.begin(), found.end(), m) == found.end()) found.push_back(m);
  }
  return found;
}

}  // namespace accord::app
