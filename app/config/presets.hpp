#pragma once
// Shipped configuration: published model sizes and the objectives of the pretraining stages, as
// TOML text that is read like a user's file.

#include <string>
#include <string_view>
#include <vector>

namespace accord::app {

/// Names that model.preset accepts; the empty one means none.
std::vector<std::string> preset_names();
/// \pre `name` is one of preset_names().
std::string_view preset_toml(std::string_view name);

/// Modalities, objectives and frozen parameters of a pretraining stage (docs/model.md 2.3, 2.4).
/// \pre `stage` is 1 or 2.
std::string_view stage_toml(int stage);

/// Parameters without weight decay beside biases and those of one dimension: the effective set of
/// the published recipe (docs/model.md 4.2).
std::vector<std::string> published_no_decay();

}  // namespace accord::app
