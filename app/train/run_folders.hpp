#pragma once

#include <memory>
#include <vector>

#include "app/config/config.hpp"
#include "core/comm/communicator.hpp"
#include "io/checkpoint/directory.hpp"
#include "io/file/lease.hpp"

namespace accord::app {

/// The folders that a run writes to, checkpoint.directory and log.directory, held by rank 0 so that
/// no other run works there.
class RunFolders {
 public:
  /// Collective. Makes the folders. \throws UsageError on all ranks, naming the holder, where
  /// another run has one; IoError
  RunFolders(Communicator& world, Queue& queue, Config const& config, io::Announce const& announce);

  /// Whether they still are this run's; also where that cannot be found out.
  bool held() const;
  /// \throws IoError naming the folder where they are not: nothing more may be written there
  void require_held() const;

 private:
  std::vector<std::unique_ptr<io::Lease>> leases_;
};

}  // namespace accord::app
