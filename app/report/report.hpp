#pragma once
// The page `accord report` makes of a run folder.

#include <filesystem>
#include <string>

namespace accord::app {

/// One HTML page that needs nothing beside itself: figures, charts of everything in metrics.jsonl,
/// evaluation results (the JSON files of `accord eval` in the folder), events and the
/// configuration. A run that is still going, or was killed, gives a page of what there is. \throws
/// DataError when the folder has no metrics.jsonl.
std::string report_html(std::filesystem::path const& run);

/// The loss and its terms alone, as an SVG file.
std::string loss_curve_svg(std::filesystem::path const& run);

}  // namespace accord::app
