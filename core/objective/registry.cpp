#include "core/base/check.hpp"
#include "core/objective/classify.hpp"
#include "core/objective/contrast.hpp"
#include "core/objective/denoise.hpp"
#include "core/objective/sigmoid_contrast.hpp"

namespace accord {
namespace {

ObjectiveFamily const* const families[] = {&contrast_family, &denoise_family, &classify_family,
                                           &sigmoid_contrast_family};

}  // namespace

std::span<ObjectiveFamily const* const> objective_families() { return families; }

ObjectiveFamily const& objective_family(std::string const& kind) {
  std::string known;
  for (ObjectiveFamily const* family : families) {
    if (kind == family->name) return *family;
    known += (known.empty() ? "" : ", ") + std::string(family->name);
  }
  throw UsageError(fmt::format("objective kind \"{}\" is unknown; there are: {}", kind, known));
}

}  // namespace accord
