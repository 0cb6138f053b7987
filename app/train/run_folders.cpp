#include "app/train/run_folders.hpp"

#include <fmt/format.h>

#include <set>

#include "io/checkpoint/collective.hpp"

namespace accord::app {

namespace fs = std::filesystem;

RunFolders::RunFolders(Communicator& world, Queue& queue, Config const& config,
                       io::Announce const& announce) {
  io::together(world, queue, [&] {
    if (world.rank() != 0) return;
    std::set<fs::path> folders;  // by one name each: both keys may name one
    for (std::string const& name : {config.checkpoint.directory, config.log.directory}) {
      std::error_code error;
      fs::create_directories(name, error);
      fs::path const folder = error ? fs::path() : fs::canonical(name, error);
      if (error)
        throw IoError(fmt::format(
            "{}: cannot make this folder: {}; see checkpoint.directory and log.directory", name,
            error.message()));
      folders.insert(folder);
    }
    for (fs::path const& folder : folders) {
      io::Lease const& lease =
          *leases_.emplace_back(std::make_unique<io::Lease>(folder, "accord train"));
      if (lease.taken_from() && announce)
        announce(fmt::format("{}: taken over from {}, which has died", folder.string(),
                             to_text(*lease.taken_from())));
    }
  });
}

bool RunFolders::held() const {
  try {
    require_held();
    return true;
  } catch (Error const&) {
    return false;
  }
}

void RunFolders::require_held() const {
  for (std::unique_ptr<io::Lease> const& lease : leases_) lease->confirm();
}

}  // namespace accord::app
