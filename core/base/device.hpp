#pragma once
// The CUDA device of this process, without CUDA's headers. In a build without CUDA there is none.

#include <cstddef>
#include <string>

namespace accord {

/// What the machine offers, asked once per process. Starting the driver is what the question costs,
/// so only a command that may compute on a device asks.
struct DeviceProbe {
  int count = 0;       ///< usable devices
  std::string reason;  ///< why there is none; empty when there is one
};
DeviceProbe const& probe_devices();

namespace cuda {

/// Makes device `local_rank` modulo their number the one of this process. Ranks beyond the number
/// of devices share them. Called before the first Queue on the cuda backend.
void select_device(int local_rank);
/// "NVIDIA H200, 139.8 GiB"
std::string device_description();
/// "cuBLASLt 13.0.2", the library of matrix products
std::string blas_description();
/// The device as its node knows it, "node7 0000:18:00.0": equal for ranks that share one.
std::string device_identity();
/// The block that `pointer` points into was given by allocate(), here or by a library.
bool is_device_memory(void const* pointer);
/// Device memory, or null when there is not so much.
void* allocate(std::size_t bytes);
void release(void* block) noexcept;
/// Host memory that a device copies from and to without the processor.
void* allocate_pinned(std::size_t bytes);
void release_pinned(void* block) noexcept;

}  // namespace cuda
}  // namespace accord
