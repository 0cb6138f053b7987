#pragma once
// The folder that holds a run's checkpoints: step-NNNNNNNN, one each. A name with .tmp behind it is
// unfinished or being removed, and nobody reads it. Called by one rank.

#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "io/checkpoint/manifest.hpp"

namespace accord::io {

/// Where notices go that do not stop a save or a load; called on rank 0 only. May be empty.
using Announce = std::function<void(std::string const&)>;

struct StepFolder {
  Index step = 0;
  std::filesystem::path path;
};

std::filesystem::path step_folder(std::filesystem::path const& directory, Index step);

/// All finished checkpoints by their names, newest first; nothing in them is looked at. Other
/// names, as step-12 or step-00000012-copy, are not ours. A step-N.replaced (left when a save of
/// the same step was interrupted between two renames) follows its step-N. None if the directory is
/// absent.
std::vector<StepFolder> list_checkpoints(std::filesystem::path const& directory);

struct OpenCheckpoint {
  std::filesystem::path folder;
  Manifest manifest;
};

/// Reads the manifest and looks whether step and file sizes are as it says. \throws DataError or
/// IoError
OpenCheckpoint open_checkpoint(std::filesystem::path const& folder);

/// Told each checkpoint that was found to be of no use. May be empty.
using Unusable = std::function<void(std::filesystem::path const&)>;

/// Opens found[next] or, announcing why, the first after it that can be opened, and sets `next` to
/// the one behind it. Empty when the list is at its end.
std::optional<OpenCheckpoint> open_next(std::vector<StepFolder> const& found, std::size_t& next,
                                        Announce const& announce, Unusable const& unusable = {});

/// The refusal to go on when there are checkpoints but none is good.
DataError none_usable(std::filesystem::path const& directory);

/// The newest checkpoint that opens, but for those `except` names; each that does not is announced.
/// Empty if there are no checkpoints. \throws DataError if there are some but none opens: a run
/// never starts from scratch silently.
std::optional<OpenCheckpoint> find_newest(std::filesystem::path const& directory,
                                          Announce const& announce,
                                          std::set<std::filesystem::path> const& except = {});

/// `path` itself if it is a checkpoint, else the newest in it. \throws DataError if there is none.
OpenCheckpoint open_or_find(std::filesystem::path const& path, Announce const& announce,
                            std::set<std::filesystem::path> const& except = {});

/// Removes what dead saves and removals left behind: folders named as this library names them, no
/// others. Returns a sentence for each that could not be removed.
std::vector<std::string> remove_unfinished(std::filesystem::path const& directory);

/// Gives the finished folder `unfinished` the name of its step, durably. A checkpoint that has the
/// name becomes step-N.replaced, which Retention removes: at every instant one of the two can be
/// found.
void publish(std::filesystem::path const& unfinished, std::filesystem::path const& directory,
             Index step);

/// Removes a checkpoint; it is gone from the list at once. Returns why some of it is left, as where
/// a file is still read over a network file system: remove_unfinished() tries again. \throws
/// IoError where nothing could be done
std::string remove_checkpoint(std::filesystem::path const& folder);

}  // namespace accord::io
