#include "core/optim/layer_decay.hpp"

#include <cmath>
#include <optional>
#include <string_view>

namespace accord {
namespace {

/// The number between `before` and the next point in a name, if the name has it.
std::optional<Index> number_after(std::string const& name, std::string_view before) {
  std::size_t const at = name.find(before);
  if (at == std::string::npos) return std::nullopt;
  return std::stoll(name.substr(at + before.size()));
}

Index depth_of(std::string const& name, Index layers) {
  if (!name.starts_with("encoder_wrapper.")) return layers + 1;
  if (auto const layer = number_after(name, ".fusion_model.layers.")) return *layer + 1;
  if (auto const table = number_after(name, ".rel_pos_table_list.")) return *table + 1;
  return name.find("_adapter.") != std::string::npos ? 0 : layers + 1;
}

}  // namespace

std::vector<double> layer_decay_scales(ParameterStore const& store, double decay, Index layers) {
  std::vector<double> scales;
  if (decay == 1) return scales;
  for (int id = 0; id < store.count(); ++id)
    scales.push_back(
        std::pow(decay, static_cast<double>(layers + 1 - depth_of(store.spec(id).name, layers))));
  return scales;
}

}  // namespace accord
