#pragma once
// The first lines of a run.

#include <string>

#include "app/train/training.hpp"

namespace accord::app {

/// "2 ranks (data 1 x pipeline 2 x tensor 1), 1 thread each, cpu, float32, layers by stage 2 | 2"
std::string layout_text(Training& training, int ranks);

/// Program, layout, device, sizes, what is to do, how the run began, and its configuration.
/// \pre open_data()
std::string head_text(Training& training, int ranks, std::string const& begun);

}  // namespace accord::app
