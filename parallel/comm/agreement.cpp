#include "parallel/comm/agreement.hpp"

#include <algorithm>

#include "core/base/check.hpp"
#include "core/comm/gather_lists.hpp"

namespace accord::parallel {
namespace {

// The NUL-ended fields of a text.
std::vector<std::string> fields_of(std::string const& text) {
  std::vector<std::string> fields;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t const end = text.find('\0', at);
    fields.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

}  // namespace

void require_agreement(Queue& queue, Communicator& group, std::vector<AgreementItem> const& items) {
  std::string mine;
  for (AgreementItem const& item : items) mine += item.name + '\0' + item.value + '\0';
  std::vector<std::string> const texts = gather_lists(queue, group, std::move(mine));
  auto const other =
      std::find_if(texts.begin(), texts.end(), [&](auto& text) { return text != texts[0]; });
  if (other == texts.end()) return;
  auto const rank = other - texts.begin();
  std::vector<std::string> first = fields_of(texts[0]), second = fields_of(*other);
  first.resize(std::max(first.size(), second.size()) + 1);
  second.resize(first.size());
  std::size_t i = 0;
  while (first[i] == second[i] && first[i + 1] == second[i + 1]) i += 2;
  throw UsageError(fmt::format(
      "the ranks disagree: {} is '{}' on rank 0 and {} is '{}' on rank {}; start all ranks with "
      "the same program, configuration and data",
      first[i], first[i + 1], second[i], second[i + 1], rank));
}

}  // namespace accord::parallel
