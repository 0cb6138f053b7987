#include "app/train/inheritance.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "app/cli/text.hpp"

namespace accord::app {
namespace {

std::string first_component(std::string const& name) { return name.substr(0, name.find('.')); }

bool is_of(std::string const& name, std::string const& modality) {
  std::string const mark = modality + "_";
  return name.starts_with(mark) || name.find("." + mark) != std::string::npos;
}

}  // namespace

Inheritance inherit(std::vector<std::string> const& run, std::vector<std::string> const& source,
                    std::vector<std::string> const& modalities) {
  std::set<std::string> const held(source.begin(), source.end()), known(run.begin(), run.end());
  std::set<std::string> components;
  for (std::string const& name : source) components.insert(first_component(name));
  std::vector<std::string> new_modalities;
  for (std::string const& modality : modalities)
    if (std::none_of(source.begin(), source.end(),
                     [&](std::string const& name) { return is_of(name, modality); }))
      new_modalities.push_back(modality);
  auto const is_new = [&](std::string const& name) {
    return !components.contains(first_component(name)) ||
           std::any_of(new_modalities.begin(), new_modalities.end(),
                       [&](std::string const& modality) { return is_of(name, modality); });
  };
  Inheritance result;
  for (std::string const& name : run)
    if (!held.contains(name)) (is_new(name) ? result.fresh : result.missing).push_back(name);
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
