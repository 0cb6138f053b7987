#pragma once

#include <cstddef>

namespace accord::emulation {

/// Emulated device memory can be touched only while one of these lives: host code that reads or
/// writes it by mistake is a segmentation fault, as it would be with a device. Made under the
/// device's mutex.
class DeviceAccess {
 public:
  DeviceAccess();
  DeviceAccess(DeviceAccess const&) = delete;
  DeviceAccess& operator=(DeviceAccess const&) = delete;
  ~DeviceAccess();
};

/// Null when `device_bytes` are used up.
void* allocate(std::size_t bytes);
void release(void* block);
bool is_device_memory(void const* pointer);
/// Host memory that is known to the device.
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* block);
bool is_pinned_memory(void const* pointer);
/// Bytes that the emulated device has; tests may lower it.
extern std::size_t device_bytes;
std::size_t bytes_free();

}  // namespace accord::emulation
