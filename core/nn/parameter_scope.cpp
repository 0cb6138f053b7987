#include "core/nn/parameter_scope.hpp"

#include <algorithm>

#include "core/base/check.hpp"

namespace accord {

bool begins_with(std::string const& name, std::string const& prefix) {
  std::size_t at = 0;
  for (char const c : prefix) {
    if (c == '*') {
      at = std::min(name.find('.', at), name.size());
    } else if (at >= name.size() || name[at++] != c) {
      return false;
    }
  }
  return true;
}

bool begins_with_one_of(std::string const& name, std::vector<std::string> const& prefixes) {
  return std::ranges::any_of(prefixes,
                             [&](std::string const& prefix) { return begins_with(name, prefix); });
}

int ParameterScope::add(std::vector<Member> const& members) const {
  std::vector<ParameterSpec> specs;
  for (Member const& member : members) {
    std::string const name = prefix_ + member.name;
    bool const frozen = begins_with_one_of(name, rules_->frozen);
    bool const listed =
        std::find(rules_->no_decay.begin(), rules_->no_decay.end(), name) != rules_->no_decay.end();
    bool const decay = member.shape.rank() > 1 && !name.ends_with(".bias") && !listed;
    specs.push_back({name, member.shape, member.init, member.distribution, member.split_dimension,
                     member.used && !frozen, decay, member.bounds, part_});
    if (specs.back().trainable != specs.front().trainable)
      throw UsageError(
          fmt::format("train.frozen covers one of {} and {} but not the other: they "
                      "are stored and trained as one; freeze both or neither",
                      specs.front().name, name));
  }
  return store_->add(std::move(specs));
}

}  // namespace accord
