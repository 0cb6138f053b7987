#pragma once
// Reading beside a run that saves and removes.

#include <set>
#include <utility>

#include "io/checkpoint/directory.hpp"

namespace accord::io {

/// Calls `use` with what `open(tried)` gives: the checkpoint `path`, or the newest in that folder
/// but for those tried. Where `use` finds one of a folder damaged, or gone because the run has
/// removed it meanwhile (a DataError or IoError), that is announced and the next is taken. Returns
/// what `use` returns. Where ranks call it together, `open` and `use` throw on all of them alike.
template <class Open, class Use>
auto with_newest(std::filesystem::path const& path, Announce const& announce, Open&& open,
                 Use&& use) {
  std::set<std::filesystem::path> tried;
  for (;;) {
    OpenCheckpoint checkpoint = open(tried);
    std::filesystem::path const folder = checkpoint.folder;
    try {
      return use(std::move(checkpoint));
    } catch (Error const& error) {
      bool const unusable =
          error.exit_code() == ExitCode::data || error.exit_code() == ExitCode::io;
      if (folder == path || !unusable) throw;
      if (announce)
        announce("checkpoint " + folder.string() + " is not usable: " + error.what() +
                 "; the newest of the others is taken");
    }
    tried.insert(folder);
  }
}

}  // namespace accord::io
