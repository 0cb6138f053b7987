#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace accord::app {

/// A key with its values as TOML.
struct KeyChange {
  std::string key;  ///< "train.seed"
  std::string before, after;
  bool on_request = false;  ///< may differ where that is asked for
};

/// "train.seed: 1 -> 2"
std::string to_string(KeyChange const& change);

/// Keys that differ and must not when a run resumes. Free to change: layout, micro_batch, lengths
/// and stops of the run, where files lie, how often to log and save.
std::vector<KeyChange> fixed_differences(Config const& saved, Config const& now);

/// \throws UsageError for a key that may not change on request, listing those that may
void check_allowed_changes(std::vector<std::string> const& keys);

/// What differs of the keys that `allowed` names. \throws UsageError listing the other differences;
/// DataError if the saved text is not a configuration
std::vector<KeyChange> require_resumable(std::string const& saved_toml, Config const& now,
                                         std::filesystem::path const& checkpoint,
                                         std::vector<std::string> const& allowed);

}  // namespace accord::app
