#pragma once
// A part of a model that stands on its own: some of its modalities, with or without the decoder
// (the paper's "sharing-separated"). What a part is made of follows from its configuration.

#include <string>
#include <vector>

#include "app/config/config.hpp"

namespace accord::app {

enum class DecoderPart : bool { without, with };

/// What of a configuration concerns `kept` modalities: they keep their order; objectives that need
/// anything else go, and so do prefixes of frozen parameters that mean none any more.
Config branch_of(Config const& config, std::vector<Modality> const& kept, DecoderPart decoder);

/// All modalities of a model.
std::vector<Modality> all_modalities(ModelConfig const& model);

/// Modalities by name. \throws UsageError naming those that there are
std::vector<Modality> modalities_named(ModelConfig const& model,
                                       std::vector<std::string> const& names);

}  // namespace accord::app
