#include "app/checkpoint/host_copies.hpp"

namespace accord::app {

void* HostCopies::of(View view) {
  ACCORD_CHECK(view.contiguous(), "files hold contiguous views");
  if (queue_.backend() != Backend::cuda) return view.data();
  copies_.push_back({view, Tensor(host_, view.dtype(), view.shape())});
  return copies_.back().host.view().data();
}

void HostCopies::download() {
  for (Copy& copy : copies_) accord::copy(queue_, copy.device, copy.host);
  queue_.wait();
}

void HostCopies::upload() {
  for (Copy& copy : copies_) accord::upload(queue_, copy.host.view().data(), copy.device);
}

}  // namespace accord::app
