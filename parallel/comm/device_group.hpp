#pragma once

#include "parallel/comm/group_communicator.hpp"

namespace accord::parallel {

/// Collective over `world`, a group on the host. The same ranks as a group that exchanges what lies
/// on their devices: over NCCL where each rank has a device of its own, through the hosts where
/// some share one. Null where the queue computes on the host, or there is one rank: `world` serves.
std::unique_ptr<GroupCommunicator> make_device_group(Queue& queue, GroupCommunicator& world);

}  // namespace accord::parallel
