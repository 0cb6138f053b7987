#include "app/train/inheritance.hpp"

#include <fmt/format.h>

#include <set>

#include "app/cli/text.hpp"
#include "core/model/parameter_names.hpp"

namespace accord::app {

Inheritance inheritance_of(std::vector<ParameterSpec> const& run,
                           std::vector<std::string> const& source) {
  std::set<std::string> const held(source.begin(), source.end());
  std::set<std::string> components, modalities, known;
  for (std::string const& name : source) {
    components.insert(official::first_component(name));
    modalities.insert(official::modality_of(name));
  }
  modalities.insert("");  // what is no modality's is of a part that the source has
  auto const is_new = [&](ParameterSpec const& parameter) {
    return !components.contains(official::first_component(parameter.name)) ||
           !modalities.contains(parameter.part.modality);
  };
  Inheritance result;
  for (ParameterSpec const& parameter : run) {
    known.insert(parameter.name);
    if (!held.contains(parameter.name))
      (is_new(parameter) ? result.fresh : result.missing).push_back(parameter.name);
  }
  for (std::string const& name : source)
    if (!known.contains(name)) result.unused.push_back(name);
  return result;
}

std::string shortened(std::vector<std::string> const& names) {
  constexpr std::size_t shown = 3;
  if (names.size() <= shown + 1) return joined(names);
  return fmt::format("{} and {} others",
                     joined(std::vector<std::string>(names.begin(), names.begin() + shown)),
                     names.size() - shown);
}

}  // namespace accord::app
