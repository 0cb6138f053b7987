#include "io/loader/columns.hpp"

#include <algorithm>

#include "core/base/check.hpp"

namespace accord::io {

std::size_t column_of(Dataset const& dataset, std::string const& modality) {
  std::vector<std::string> const& held = dataset.modalities();
  auto const found = std::find(held.begin(), held.end(), modality);
  if (found != held.end()) return static_cast<std::size_t>(found - held.begin());
  std::string names;
  for (std::string const& name : held) names += (names.empty() ? "" : ", ") + name;
  throw DataError(fmt::format(
      "{}: there is no modality {} in it, only {}: choose other data, or other objectives",
      dataset.path().string(), modality, names));
}

}  // namespace accord::io
