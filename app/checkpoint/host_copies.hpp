#pragma once

#include <list>

#include "core/tensor/tensor.hpp"

namespace accord::app {

/// Views as host memory, for code that reads and writes files. On the host they are themselves; of
/// views on a device there are copies, which live as long as this.
class HostCopies {
 public:
  explicit HostCopies(Queue& queue) : queue_(queue) {}

  /// Contiguous. On a device: room of the same size, not yet filled.
  void* of(View view);
  void download();  ///< device to host, all of them
  void upload();    ///< host to device, all of them

 private:
  struct Copy {
    View device;
    Tensor host;
  };
  Queue& queue_;
  Queue host_{Backend::cpu};
  std::list<Copy> copies_;
};

}  // namespace accord::app
