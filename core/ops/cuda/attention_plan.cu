#include "core/ops/cuda/attention_plan.cuh"

#include <cmath>

namespace accord::cuda {
namespace {

template <class T>
Tensor bytes_on_device(Queue& queue, std::vector<T> const& values) {
  auto const bytes = std::as_bytes(std::span(values));
  return Tensor::from_host(
      queue, std::span(reinterpret_cast<std::uint8_t const*>(bytes.data()), bytes.size()),
      Shape{static_cast<Index>(bytes.size())});
}

template <class T>
T const* pointer(Tensor const& bytes) {
  return reinterpret_cast<T const*>(bytes.view().as<std::uint8_t>());
}

template <class T>
__global__ void transpose_kernel(Index rows, Index columns, Rows<T const> from, Rows<T> to) {
  Index const i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < rows * columns) to[i / rows][i % rows] = from[i % rows][i / rows];
}

void transpose(Queue& queue, ConstView from, View to) {
  Geometry const geometry{(from.size() + most_threads - 1) / most_threads, most_threads, 0};
  if (from.dtype() == DType::bfloat16)
    launch(queue, "attention_tables", geometry, transpose_kernel<BFloat16>, from.rows(),
           from.columns(), Rows<BFloat16 const>(from), Rows<BFloat16>(to));
  else
    launch(queue, "attention_tables", geometry, transpose_kernel<float>, from.rows(),
           from.columns(), Rows<float const>(from), Rows<float>(to));
}

// dlogits of block 0 += those of all other blocks, in their order.
__global__ void add_blocks_kernel(Index blocks, Index size, float* dlogits) {
  Index const i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= size) return;
  float sum = 0;
  for (Index block = 0; block < blocks; ++block) sum += dlogits[block * size + i];
  dlogits[i] = sum;
}

constexpr int table_threads = 128;

// A thread per table entry goes through all pairs of positions in order and adds those of its
// bucket; the block brings a part of them into shared memory at a time.
__global__ void table_kernel(Index buckets, Index groups, Index size,
                             std::int32_t const* __restrict__ bucket, Index bucket_stride,
                             float const* __restrict__ dlogits, float* dtable,
                             Index dtable_stride) {
  __shared__ std::int32_t its_bucket[table_threads];
  __shared__ float its_value[table_threads];
  Index const head = blockIdx.x / groups;
  Index const mine = blockIdx.x % groups * table_threads + threadIdx.x;
  float const* const of_head = dlogits + head * size * size;
  float sum = 0;
  for (Index begin = 0; begin < size * size; begin += table_threads) {
    Index const pair = begin + threadIdx.x;
    bool const exists = pair < size * size;
    __syncthreads();
    its_bucket[threadIdx.x] = exists ? bucket[pair / size * bucket_stride + pair % size] : -1;
    its_value[threadIdx.x] = exists ? of_head[pair] : 0;
    __syncthreads();
    for (int i = 0; i < table_threads; ++i)
      if (its_bucket[i] == mine) sum += its_value[i];
  }
  if (mine < buckets) dtable[mine * dtable_stride + head] += sum;
}

}  // namespace

UploadedPlan::UploadedPlan(Queue& queue, AttentionTiles const& tiles, AttentionPlan const& plan,
                           Index heads, Index head_dim, std::span<PositionBias const> bias)
    : blocks(tiles.blocks()),
      tiles(static_cast<std::int64_t>(tiles.tiles.size())),
      segments_(bytes_on_device(queue, tiles.segments)),
      tiles_(bytes_on_device(queue, tiles.tiles)),
      block_begin_(bytes_on_device(queue, tiles.block_begin)) {
  ACCORD_CHECK(bias.size() <= most_modalities, "attention: biases of {} modalities, at most {}",
               bias.size(), most_modalities);
  device.segments = pointer<DeviceSegment>(segments_);
  device.tiles = pointer<AttentionTile>(tiles_);
  device.block_begin = pointer<std::int32_t>(block_begin_);
  device.positions = plan.positions ? plan.positions.view().as<std::int32_t>() : nullptr;
  device.keys = plan.keys ? plan.keys.view().as<std::uint8_t>() : nullptr;
  device.heads = static_cast<int>(heads);
  device.scale = 1 / std::sqrt(static_cast<float>(head_dim));
  device.entries = 0;
  DType dtype = DType::float32;
  for (std::size_t m = 0; m < bias.size(); ++m)
    if (bias[m].table) {
      device.bias[m] = {bias[m].bucket.as<std::int32_t>(),
                        static_cast<int>(bias[m].bucket.stride()),
                        static_cast<int>(bias[m].bucket.rows()), device.entries, nullptr};
      device.entries += static_cast<int>(bias[m].table.rows());
      dtype = bias[m].table.dtype();
    }
  tables_ = Tensor(queue, dtype, {heads, device.entries});
  device.tables = tables_.view().data();
  for (std::size_t m = 0; m < bias.size(); ++m)
    if (bias[m].table)
      transpose(queue, bias[m].table,
                tables_.view().columns(device.bias[m].first_entry, bias[m].table.rows()));
}

std::int64_t TableGradients::most_blocks(Index heads, std::span<PositionBias const> bias) {
  constexpr double most_bytes = 256e6;
  double bytes = 0;  // of one block's sums over all heads
  for (PositionBias const& b : bias)
    if (b.table && b.dtable)
      bytes += sizeof(float) * static_cast<double>(heads * b.bucket.rows() * b.bucket.rows());
  std::int64_t const filling = std::max<std::int64_t>(1, full_device / heads);
  return bytes == 0
             ? filling
             : std::clamp<std::int64_t>(static_cast<std::int64_t>(most_bytes / bytes), 1, filling);
}

TableGradients::TableGradients(Queue& queue, std::span<PositionBias const> bias,
                               UploadedPlan& plan) {
  for (std::size_t m = 0; m < bias.size(); ++m) {
    if (!bias[m].table || !bias[m].dtable) continue;
    DeviceBias& device = plan.device.bias[m];
    Tensor dlogits = Tensor::zeros(queue, DType::float32,
                                   {plan.blocks, plan.device.heads, device.size, device.size});
    device.dlogits = dlogits.view().as<float>();
    sums_.push_back({bias[m], std::move(dlogits)});
  }
}

void TableGradients::finish(Queue& queue) {
  for (Sums& sums : sums_) {
    View const dlogits = sums.dlogits;
    Index const heads = dlogits.extent(1), size = dlogits.extent(2);
    if (dlogits.extent(0) == 0) continue;
    Index const of_block = dlogits.columns();
    launch(queue, "attention_table_gradient",
           {(of_block + most_threads - 1) / most_threads, most_threads, 0}, add_blocks_kernel,
           dlogits.rows(), of_block, dlogits.as<float>());
    Index const buckets = sums.bias.dtable.rows();
    Index const groups = (buckets + table_threads - 1) / table_threads;
    launch(queue, "attention_table_gradient", {heads * groups, table_threads, 0}, table_kernel,
           buckets, groups, size, sums.bias.bucket.as<std::int32_t>(), sums.bias.bucket.stride(),
           dlogits.as<float>(), sums.bias.dtable.as<float>(), sums.bias.dtable.stride());
  }
}

}  // namespace accord::cuda
