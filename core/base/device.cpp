#include "core/base/device.hpp"

#include "core/base/build.hpp"

#ifdef ACCORD_HAS_CUDA
#include <unistd.h>

#include "core/base/cuda_check.hpp"
#endif

namespace accord {
#ifdef ACCORD_HAS_CUDA
namespace {

// A missing driver and a missing device are answers; any other failure is one too, told as it is.
DeviceProbe probe() {
  int driver = 0;
  if (cudaDriverGetVersion(&driver) != cudaSuccess || driver == 0)
    return {0, "no CUDA driver is installed on this machine"};
  DeviceProbe result;
  if (cudaError_t const code = cudaGetDeviceCount(&result.count); code != cudaSuccess)
    return {0, cudaGetErrorString(code)};
  if (result.count == 0) result.reason = "the CUDA driver shows no device to this process";
  return result;
}

}  // namespace

namespace cuda {

void select_device(int local_rank) {
  ACCORD_CHECK(probe_devices().count > 0, "no CUDA device: {}", probe_devices().reason);
  ACCORD_CUDA(cudaSetDevice(local_rank % probe_devices().count));
}

std::string device_description() {
  int device = 0;
  ACCORD_CUDA(cudaGetDevice(&device));
  cudaDeviceProp properties{};
  ACCORD_CUDA(cudaGetDeviceProperties(&properties, device));
  return fmt::format("{}, {:.1f} GiB", properties.name,
                     static_cast<double>(properties.totalGlobalMem) / (1 << 30));
}

std::string blas_description() {
  std::size_t const version = cublasLtGetVersion();  // 130002
  return fmt::format("cuBLASLt {}.{}.{}", version / 10000, version / 100 % 100, version % 100);
}

std::string device_identity() {
  int device = 0;
  ACCORD_CUDA(cudaGetDevice(&device));
  char bus[32] = "", node[256] = "";
  ACCORD_CUDA(cudaDeviceGetPCIBusId(bus, sizeof(bus), device));
  gethostname(node, sizeof(node) - 1);
  return fmt::format("{} {}", node, bus);
}

bool is_device_memory(void const* pointer) {
  if (!pointer) return false;
  cudaPointerAttributes attributes{};
  ACCORD_CUDA(cudaPointerGetAttributes(&attributes, pointer));
  return attributes.type == cudaMemoryTypeDevice;
}

void* allocate(std::size_t bytes) {
  void* block = nullptr;
  cudaError_t const code = cudaMalloc(&block, bytes);
  if (code == cudaErrorMemoryAllocation) {
    (void)cudaGetLastError();  // forgotten, or the next launch would report it
    return nullptr;
  }
  ACCORD_CUDA(code);
  return block;
}

// A failure here would come on top of the one that unwinds, or at the very end.
void release(void* block) noexcept { (void)cudaFree(block); }

void* allocate_pinned(std::size_t bytes) {
  void* block = nullptr;
  ACCORD_CUDA(cudaMallocHost(&block, bytes));
  return block;
}

void release_pinned(void* block) noexcept { (void)cudaFreeHost(block); }

}  // namespace cuda

DeviceProbe const& probe_devices() {
  static DeviceProbe const result = probe();
  return result;
}
#else
DeviceProbe const& probe_devices() {
  static DeviceProbe const none{0, "this program was built without CUDA (ACCORD_CUDA=OFF)"};
  return none;
}
#endif

}  // namespace accord
