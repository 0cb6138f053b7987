#include "core/model/names.hpp"

namespace accord {

std::string short_name(ModelConfig const& model, Modality modality) {
  std::string const& name = model.modalities[modality.index()].name;
  int alike = 0;
  for (ModalityConfig const& other : model.modalities) alike += other.name.front() == name.front();
  return alike > 1 ? name : name.substr(0, 1);
}

std::string direction_name(ModelConfig const& model, Modality a, Modality b) {
  return short_name(model, a) + "2" + short_name(model, b);
}

}  // namespace accord
