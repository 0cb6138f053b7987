#include "core/optim/layer_decay.hpp"

#include <algorithm>
#include <cmath>

namespace accord {

std::vector<double> layer_decay_scales(ParameterStore const& store, double decay, Index layers) {
  std::vector<double> scales;
  if (decay == 1) return scales;
  for (int id = 0; id < store.count(); ++id) {
    Index const depth = std::min(store.spec(id).part.depth, layers + 1);
    scales.push_back(std::pow(decay, static_cast<double>(layers + 1 - depth)));
  }
  return scales;
}

}  // namespace accord
