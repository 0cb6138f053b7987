#pragma once
// Starting kernels, and how they see their operands.

#include "core/base/cuda_check.hpp"
#include "core/base/queue.hpp"
#include "core/ops/cuda/intrinsics.cuh"
#include "core/ops/cuda/launch.hpp"

namespace accord::cuda {

/// Enqueues kernel(arguments...). \throws Error naming the kernel when the launch is refused.
template <class... Parameters, class... Arguments>
void launch(Queue& queue, char const* name, Geometry const& geometry, void (*kernel)(Parameters...),
            Arguments const&... arguments) {
  if (geometry.blocks == 0) return;
  constexpr std::size_t without_asking = 48 << 10;
  if (geometry.shared_bytes > without_asking)
    ACCORD_CUDA(cudaFuncSetAttribute(reinterpret_cast<void const*>(kernel),
                                     cudaFuncAttributeMaxDynamicSharedMemorySize,
                                     static_cast<int>(geometry.shared_bytes)));
  cudaLaunchConfig_t config{};
  config.gridDim = dim3(static_cast<unsigned>(geometry.blocks));
  config.blockDim = dim3(static_cast<unsigned>(geometry.threads));
  config.dynamicSmemBytes = geometry.shared_bytes;
  config.stream = queue.stream().handle();
  check(cudaLaunchKernelEx(&config, kernel, static_cast<Parameters>(arguments)...), name,
        __FILE_NAME__, __LINE__);
}

/// V neighbouring elements, loaded and stored as one, or 16 bytes at a time.
template <class T, int V>
struct alignas(std::min(sizeof(T) * V, vector_bytes)) Pack {
  T values[V];
};

/// Elements of T that fit a 16-byte access.
template <class T>
inline constexpr int pack_width = static_cast<int>(vector_bytes / sizeof(T));

/// The rows of a view, as a kernel sees them. T is const for a view that is only read.
template <class T>
struct Rows {
  T* data = nullptr;
  Index stride = 0;

  Rows() = default;
  template <bool Const>
  explicit Rows(BasicView<Const> view)
      : data(view ? view.template as<std::remove_const_t<T>>() : nullptr), stride(view.stride()) {}
  __device__ explicit operator bool() const { return data != nullptr; }
  __device__ T* operator[](Index row) const { return data + row * stride; }
};

template <int V, class T>
__device__ inline Pack<std::remove_const_t<T>, V> load(T* from) {
  return *reinterpret_cast<Pack<std::remove_const_t<T>, V> const*>(from);
}
template <int V, class T>
__device__ inline void load(float (&values)[V], T* from) {
  auto const pack = load<V>(from);
  for (int i = 0; i < V; ++i) values[i] = to_float(pack.values[i]);
}
template <int V, class T>
__device__ inline void store(T* to, float const (&values)[V]) {
  Pack<T, V> pack;
  for (int i = 0; i < V; ++i) pack.values[i] = from_float<T>(values[i]);
  *reinterpret_cast<Pack<T, V>*>(to) = pack;
}

/// An optional list of rows: list[i], or i itself when it is not given.
struct RowList {
  std::int32_t const* rows = nullptr;

  explicit RowList(ConstView view) : rows(view ? view.as<std::int32_t>() : nullptr) {}
  __device__ Index operator[](Index i) const { return rows ? rows[i] : i; }
};

/// The dense elements of an optional argument; null when it is not given.
template <class T, bool Const>
auto optional_values(BasicView<Const> view) {
  return view ? view.template as<T>() : nullptr;
}

// The sum over a warp or a block, given to every thread. The order depends on the block's size
// alone.
template <class T>
__device__ inline T warp_sum(T x) {
  for (int mask = warp_size / 2; mask > 0; mask /= 2) x += shuffle_xor(x, mask);
  return x;
}
__device__ inline float warp_max(float x) {
  for (int mask = warp_size / 2; mask > 0; mask /= 2) x = fmaxf(x, shuffle_xor(x, mask));
  return x;
}
template <class T>
__device__ inline T block_sum(T x) {
  __shared__ T of_warp[most_threads / warp_size];
  x = warp_sum(x);
  int const warps = static_cast<int>(blockDim.x) / warp_size;
  __syncthreads();  // an earlier sum may still be read
  if (threadIdx.x % warp_size == 0) of_warp[threadIdx.x / warp_size] = x;
  __syncthreads();
  T sum = 0;
  for (int i = 0; i < warps; ++i) sum += of_warp[i];
  return sum;
}

/// body(row, column) for every V-th column of every row.
template <int V, class Body>
__global__ void element_kernel(Index columns, Index tiles, Index tile_columns, Body body) {
  Index const row = blockIdx.x / tiles, begin = blockIdx.x % tiles * tile_columns;
  Index const end = min(begin + tile_columns, columns);
  for (Index j = begin + threadIdx.x * V; j < end; j += blockDim.x * V) body(row, j);
}

/// Enqueues body over [rows, columns].
template <int V, class Body>
void for_each_element(Queue& queue, char const* name, Index rows, Index columns, Body const& body) {
  ElementGrid const grid = element_grid(rows, columns, V);
  launch(queue, name, grid.geometry, element_kernel<V, Body>, columns, grid.tiles,
         grid.tile_columns, body);
}

/// Calls body.template operator()<V>() with the widest V that all views allow.
template <class T, class Body, class... Views>
void with_pack_width(Body const& body, Views const&... views) {
  if ((vectorizable(views) && ...))
    body.template operator()<pack_width<T>>();
  else
    body.template operator()<1>();
}

}  // namespace accord::cuda
