#include "parallel/comm/device_group.hpp"

#include <algorithm>

#include "core/base/device.hpp"
#include "core/comm/gather_lists.hpp"
#ifdef ACCORD_HAS_CUDA
#include "parallel/comm/nccl_communicator.hpp"
#endif
#include "parallel/comm/staged_communicator.hpp"

namespace accord::parallel {

std::unique_ptr<GroupCommunicator> make_device_group(Queue& queue, GroupCommunicator& world) {
  if (queue.backend() != Backend::cuda || world.size() == 1) return nullptr;
#ifdef ACCORD_HAS_CUDA
  std::vector<std::string> devices = gather_lists(queue, world, cuda::device_identity());
  std::sort(devices.begin(), devices.end());
  if (std::adjacent_find(devices.begin(), devices.end()) == devices.end())
    return std::make_unique<NcclCommunicator>(queue, world.split(0, world.rank()));
#endif
  return std::make_unique<StagedCommunicator>(world.split(0, world.rank()));
}

}  // namespace accord::parallel
