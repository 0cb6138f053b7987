#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace accord::app {

/// Keys that differ and must not when a run resumes, as "train.seed: 1 -> 2". Free to change:
/// layout, micro_batch, lengths and stops of the run, where files lie, how often to log and save.
std::vector<std::string> fixed_differences(Config const& saved, Config const& now);

/// \throws UsageError listing them; DataError if the saved text is not a configuration
void require_resumable(std::string const& saved_toml, Config const& now,
                       std::filesystem::path const& checkpoint);

}  // namespace accord::app
