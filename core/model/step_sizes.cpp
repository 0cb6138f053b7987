#include "core/model/step_sizes.hpp"

#include <algorithm>

#include "core/model/parameter_names.hpp"
#include "core/nn/parameter_scope.hpp"

namespace accord {

Index StepSizes::hidden(int pass, std::size_t segment, Index sample) const {
  TokenMask const& mask = batch_.masks[static_cast<std::size_t>(pass)][segment];
  auto const begin = mask.masked.begin() + mask.offsets[static_cast<std::size_t>(sample)];
  auto const end = mask.masked.begin() + mask.offsets[static_cast<std::size_t>(sample) + 1];
  return std::count(begin, end, std::uint8_t{1});
}

std::vector<Index> StepSizes::whole(int i, Index sample) const {
  std::vector<Index> tokens;
  for (Modality const m : pass(i).modalities) tokens.push_back(length(m, sample));
  return tokens;
}

std::vector<Index> StepSizes::kept(int i, Index sample) const {
  std::vector<Index> tokens = whole(i, sample);
  if (pass(i).masked)
    for (std::size_t s = 0; s < tokens.size(); ++s) tokens[s] -= hidden(i, s, sample);
  return tokens;
}

double StepSizes::ways(std::initializer_list<std::string> part, bool gradient) const {
  return !gradient ? 1 : begins_with_one_of(official::prefix(part), config_.frozen) ? 2 : 3;
}

}  // namespace accord
