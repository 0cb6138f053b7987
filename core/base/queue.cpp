#include "core/base/queue.hpp"

#include "core/base/build.hpp"
#include "core/base/device.hpp"
#include "core/base/error.hpp"

namespace accord {

Queue::Queue(Backend backend) : backend_(backend), memory_(backend) {
  if (backend != Backend::cuda) return;
  if (probe_devices().count == 0)
    throw UsageError("the cuda backend cannot be used: " + probe_devices().reason);
  if constexpr (build::has_cuda) stream_.reset(new cuda::Stream);
}

void Queue::wait_for_stream() {
  if constexpr (build::has_cuda) stream_->wait();
}

void cuda::StreamDeleter::operator()(Stream* stream) const noexcept {
  if constexpr (build::has_cuda) delete stream;
}

}  // namespace accord
