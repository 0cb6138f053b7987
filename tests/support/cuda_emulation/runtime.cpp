// The functions of the CUDA runtime that the program calls, on the emulated device: the device, its
// memory and copies. Streams and events are in streams.cpp.

#include <cuda_runtime.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "tests/support/cuda_emulation/memory.hpp"
#include "tests/support/cuda_emulation/streams.hpp"

using namespace accord::emulation;

extern "C" {

cudaError_t cudaDriverGetVersion(int* version) {
  *version = 13000;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceCount(int* count) {
  *count = device_count;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= device_count) return cudaErrorInvalidDevice;
  current_device() = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) {
  *device = current_device();
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int) {
  *properties = {};
  std::strcpy(properties->name, "emulated device");
  properties->totalGlobalMem = device_bytes;
  return cudaSuccess;
}
cudaError_t cudaDeviceGetPCIBusId(char* id, int bytes, int device) {
  std::snprintf(id, static_cast<std::size_t>(bytes), "emulated:%d", device);
  return cudaSuccess;
}
cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, void const* pointer) {
  *attributes = {};
  attributes->type = is_device_memory(pointer)   ? cudaMemoryTypeDevice
                     : is_pinned_memory(pointer) ? cudaMemoryTypeHost
                                                 : cudaMemoryTypeUnregistered;
  return cudaSuccess;
}
char const* cudaGetErrorName(cudaError_t) { return "cudaErrorOfTheEmulation"; }
char const* cudaGetErrorString(cudaError_t code) {
  return code == cudaErrorLaunchFailure ? failure() : "an error of the emulated device";
}
cudaError_t cudaGetLastError() { return cudaSuccess; }

cudaError_t cudaMalloc(void** block, std::size_t bytes) {
  *block = allocate(bytes);
  return *block ? cudaSuccess : cudaErrorMemoryAllocation;
}
cudaError_t cudaFree(void* block) {
  cudaError_t const code = wait_for_all();
  release(block);
  return code;
}
cudaError_t cudaMallocHost(void** block, std::size_t bytes) {
  *block = allocate_pinned(bytes);
  return cudaSuccess;
}
// Does not wait: nothing says that it would.
cudaError_t cudaFreeHost(void* block) {
  release_pinned(block);
  return cudaSuccess;
}
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  *free = bytes_free();
  *total = device_bytes;
  return cudaSuccess;
}

// A copy from or to pageable memory may be made at once, or later: nobody may rely on either, so it
// is made as late as one of pinned memory. Only one within the host's memory is known to wait.
cudaError_t cudaMemcpyAsync(void* to, void const* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return cudaMemcpy2DAsync(to, bytes, from, bytes, bytes, 1, kind, stream);
}
cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, void const* from,
                              std::size_t from_pitch, std::size_t width, std::size_t rows,
                              cudaMemcpyKind, cudaStream_t stream) {
  if (width > to_pitch || width > from_pitch) return cudaErrorInvalidPitchValue;
  cudaError_t const code = enqueue(stream, [=] {
    for (std::size_t row = 0; row < rows; ++row)
      std::memmove(static_cast<char*>(to) + row * to_pitch,
                   static_cast<char const*>(from) + row * from_pitch, width);
  });
  if (code != cudaSuccess || is_device_memory(to) || is_device_memory(from)) return code;
  return cudaStreamSynchronize(stream);
}
cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return cudaMemset2DAsync(to, bytes, value, bytes, 1, stream);
}
cudaError_t cudaMemset2DAsync(void* to, std::size_t pitch, int value, std::size_t width,
                              std::size_t rows, cudaStream_t stream) {
  return enqueue(stream, [=] {
    for (std::size_t row = 0; row < rows; ++row)
      std::memset(static_cast<char*>(to) + row * pitch, value, width);
  });
}

cudaError_t cudaFuncSetAttribute(void const*, cudaFuncAttribute, int) { return cudaSuccess; }

}  // extern "C"
