#include "core/base/stream.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/cuda_check.hpp"
#include "core/base/device.hpp"

namespace accord::cuda {
namespace {

/// Of cudaStreamQuery and cudaEventQuery: whether all is done.
bool is_done(cudaError_t code) {
  if (code != cudaErrorNotReady)
    ACCORD_CUDA(code);
  else
    (void)cudaGetLastError();  // forgotten, or the next launch would report it
  return code == cudaSuccess;
}

}  // namespace

Event::Event() { ACCORD_CUDA(cudaEventCreateWithFlags(&event_, cudaEventDisableTiming)); }

Event::~Event() { (void)cudaEventDestroy(event_); }

bool Event::passed() const { return is_done(cudaEventQuery(event_)); }

Stream::Watch::Watch(Stream& stream, std::function<void()> check, std::function<void()> abandon)
    : stream_(stream), check_(std::move(check)), abandon_(std::move(abandon)) {
  stream.watches_.push_back(this);
}

Stream::Watch::~Watch() { std::erase(stream_.watches_, this); }

Stream::Stream() { ACCORD_CUDA(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking)); }

Stream::~Stream() {
  (void)cudaStreamSynchronize(stream_);
  if (pinned_) release_pinned(pinned_);
  if (workspace_) release(workspace_);
  if (blas_) (void)cublasLtDestroy(blas_);
  (void)cudaStreamDestroy(stream_);
}

cublasLtContext* Stream::blas() {
  if (!blas_) ACCORD_CUDA(cublasLtCreate(&blas_));
  return blas_;
}

void* Stream::workspace() {
  if (!workspace_) workspace_ = allocate(workspace_bytes);
  ACCORD_CHECK(workspace_, "no room on the device for {} bytes of workspace", workspace_bytes);
  return workspace_;
}

void Stream::wait() {
  while (!watches_.empty() && !is_done(cudaStreamQuery(stream_))) check_peers();
  ACCORD_CUDA(cudaStreamSynchronize(stream_));
}

void Stream::check_peers() {
  try {
    for (Watch const* watch : watches_) watch->check_();
  } catch (...) {
    for (Watch const* watch : watches_) watch->abandon_();
    (void)cudaStreamSynchronize(stream_);
    throw;
  }
}

void Stream::record(Event& event) { ACCORD_CUDA(cudaEventRecord(event.handle(), stream_)); }

void Stream::wait_for(Event const& event) {
  ACCORD_CUDA(cudaStreamWaitEvent(stream_, event.handle(), 0));
}

void Stream::upload(void* device, void const* host, std::size_t bytes) {
  if (!pinned_) pinned_ = static_cast<std::byte*>(allocate_pinned(2 * half_bytes));
  auto* to = static_cast<std::byte*>(device);
  auto const* from = static_cast<std::byte const*>(host);
  while (bytes > 0) {
    if (used_ == half_bytes) {
      record(left_[half_]);
      half_ = 1 - half_;
      used_ = 0;
      while (!left_[half_].passed()) check_peers();
    }
    std::size_t const n = std::min(bytes, half_bytes - used_);
    std::byte* const room = pinned_ + static_cast<std::size_t>(half_) * half_bytes + used_;
    std::memcpy(room, from, n);
    ACCORD_CUDA(cudaMemcpyAsync(to, room, n, cudaMemcpyHostToDevice, stream_));
    used_ += n;
    from += n;
    to += n;
    bytes -= n;
  }
}

void Stream::download(void* host, void const* device, std::size_t bytes) {
  if (bytes > 0) ACCORD_CUDA(cudaMemcpyAsync(host, device, bytes, cudaMemcpyDeviceToHost, stream_));
  wait();
}

void Stream::copy(void* to, std::size_t to_pitch, void const* from, std::size_t from_pitch,
                  std::size_t width, std::size_t rows) {
  if (width == 0 || rows == 0) return;
  if (rows == 1 || (to_pitch == width && from_pitch == width))
    ACCORD_CUDA(cudaMemcpyAsync(to, from, width * rows, cudaMemcpyDefault, stream_));
  else
    ACCORD_CUDA(
        cudaMemcpy2DAsync(to, to_pitch, from, from_pitch, width, rows, cudaMemcpyDefault, stream_));
}

void Stream::zero(void* to, std::size_t pitch, std::size_t width, std::size_t rows) {
  if (width == 0 || rows == 0) return;
  if (rows == 1 || pitch == width)
    ACCORD_CUDA(cudaMemsetAsync(to, 0, width * rows, stream_));
  else
    ACCORD_CUDA(cudaMemset2DAsync(to, pitch, 0, width, rows, stream_));
}

}  // namespace accord::cuda
