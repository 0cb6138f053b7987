#include "core/base/text.hpp"
#include "core/model/modality/convolution.hpp"
#include "core/model/modality/patch.hpp"
#include "core/model/modality/patch_sequence.hpp"
#include "core/model/modality/token.hpp"

namespace accord {
namespace {

AdapterFamily const* const families[] = {&token_family, &patch_family, &convolution_family,
                                         &patch_sequence_family};

}  // namespace

AdapterFamily const& adapter_family(std::string const& name) {
  for (AdapterFamily const* family : families)
    if (name == family->name) return *family;
  throw UsageError(fmt::format("modality adapter \"{}\" is unknown; there are: {}", name,
                               joined(adapter_family_names())));
}

std::vector<std::string> adapter_family_names() {
  std::vector<std::string> names;
  for (AdapterFamily const* family : families) names.emplace_back(family->name);
  return names;
}

bool reads_text(ModalityConfig const& config) {
  return !config.adapter.empty() && adapter_family(config.adapter).items == ItemKind::caption;
}

}  // namespace accord
