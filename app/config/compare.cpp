#include "app/config/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "app/cli/text.hpp"
#include "app/config/schema.hpp"
#include "core/base/error.hpp"

namespace accord::app {
namespace {

std::string dotted_path(Section const& section) { return joined(section.path, "."); }

void compare_table(Section const& section, std::string const& element, Config const& saved,
                   Config const& now, std::vector<KeyChange>& differences) {
  void const* before = section.table(const_cast<Config&>(saved), element);
  void const* after = section.table(const_cast<Config&>(now), element);
  for (Key const& key : section.keys) {
    if (key.free) continue;
    std::string const a = to_toml(key.get(saved, before)), b = to_toml(key.get(now, after));
    if (a != b)
      differences.push_back({fmt::format("{}{}.{}", dotted_path(section),
                                         element.empty() ? "" : "." + element, key.name),
                             a, b, key.on_request});
  }
}

}  // namespace

std::string to_string(KeyChange const& change) {
  return fmt::format("{}: {} -> {}", change.key, change.before, change.after);
}

std::vector<KeyChange> fixed_differences(Config const& saved, Config const& now) {
  std::vector<KeyChange> differences;
  for (Section const& section : schema()) {
    if (!section.array) {
      compare_table(section, "", saved, now, differences);
      continue;
    }
    auto const before = section.names(saved), after = section.names(now);
    if (before != after) {
      differences.push_back({dotted_path(section), to_toml(Value(before)), to_toml(Value(after))});
      continue;
    }
    for (std::string const& name : after) compare_table(section, name, saved, now, differences);
  }
  return differences;
}

void check_allowed_changes(std::vector<std::string> const& keys) {
  std::vector<std::string> legal;
  for (Section const& section : schema())
    for (Key const& key : section.keys)
      if (key.on_request) legal.push_back(fmt::format("{}.{}", dotted_path(section), key.name));
  for (std::string const& key : keys)
    if (std::ranges::find(legal, key) == legal.end())
      throw UsageError(
          fmt::format("--allow-change {}: not a key that may change on request; there is {}", key,
                      joined(legal)));
}

std::vector<KeyChange> require_resumable(std::string const& saved_toml, Config const& now,
                                         std::filesystem::path const& checkpoint,
                                         std::vector<std::string> const& allowed) {
  Config saved;
  try {
    saved = parse_config(saved_toml, checkpoint.string());
  } catch (UsageError const& error) {
    throw DataError(fmt::format("{}: its configuration cannot be read by this version: {}",
                                checkpoint.string(), error.what()));
  }
  std::vector<KeyChange> made;
  std::vector<std::string> refused, possible;
  for (KeyChange& change : fixed_differences(saved, now)) {
    if (change.on_request && std::ranges::find(allowed, change.key) != allowed.end()) {
      made.push_back(std::move(change));
      continue;
    }
    refused.push_back(to_string(change));
    if (change.on_request) possible.push_back("--allow-change " + change.key);
  }
  if (!refused.empty())
    throw UsageError(fmt::format(
        "{}: cannot be resumed with another configuration: {}; restore these keys, {}or give "
        "another checkpoint.directory to start anew",
        checkpoint.string(), joined(refused, "; "),
        possible.empty() ? ""
                         : fmt::format("ask for the change with {}, ", joined(possible, " "))));
  return made;
}

}  // namespace accord::app
