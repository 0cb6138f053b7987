#include "app/config/compare.hpp"

#include <fmt/format.h>

#include "app/cli/text.hpp"
#include "app/config/schema.hpp"
#include "core/base/error.hpp"

namespace accord::app {
namespace {

std::string dotted_path(Section const& section) { return joined(section.path, "."); }

void compare_table(Section const& section, std::string const& element, Config const& saved,
                   Config const& now, std::vector<std::string>& differences) {
  void const* before = section.table(const_cast<Config&>(saved), element);
  void const* after = section.table(const_cast<Config&>(now), element);
  for (Key const& key : section.keys) {
    if (key.free) continue;
    std::string const a = to_toml(key.get(saved, before)), b = to_toml(key.get(now, after));
    if (a != b)
      differences.push_back(fmt::format("{}{}.{}: {} -> {}", dotted_path(section),
                                        element.empty() ? "" : "." + element, key.name, a, b));
  }
}

}  // namespace

std::vector<std::string> fixed_differences(Config const& saved, Config const& now) {
  std::vector<std::string> differences;
  for (Section const& section : schema()) {
    if (!section.array) {
      compare_table(section, "", saved, now, differences);
      continue;
    }
    auto const before = section.names(saved), after = section.names(now);
    if (before != after) {
      differences.push_back(fmt::format("{}: {} -> {}", dotted_path(section),
                                        to_toml(Value(before)), to_toml(Value(after))));
      continue;
    }
    for (std::string const& name : after) compare_table(section, name, saved, now, differences);
  }
  return differences;
}

void require_resumable(std::string const& saved_toml, Config const& now,
                       std::filesystem::path const& checkpoint) {
  Config saved;
  try {
    saved = parse_config(saved_toml, checkpoint.string());
  } catch (UsageError const& error) {
    throw DataError(fmt::format("{}: its configuration cannot be read by this version: {}",
                                checkpoint.string(), error.what()));
  }
  std::vector<std::string> const differences = fixed_differences(saved, now);
  if (!differences.empty())
    throw UsageError(fmt::format(
        "{}: cannot be resumed with another configuration: {}; restore these keys, or give "
        "another checkpoint.directory to start anew",
        checkpoint.string(), joined(differences, "; ")));
}

}  // namespace accord::app
