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

constexpr Index table_chunks = 128;  // of the pairs of positions

// A thread for each head goes through the pairs of a chunk in order and adds each to the entry of
// its bucket, in a table of its own, [entries] every blockDim.x elements of shared memory.
__global__ void table_chunk_kernel(Index buckets, Index heads, Index size,
                                   std::int32_t const* __restrict__ bucket, Index bucket_stride,
                                   float const* __restrict__ dlogits, float* __restrict__ tables) {
  Index const groups = (heads + blockDim.x - 1) / blockDim.x, chunk = blockIdx.x / groups;
  Index const head = blockIdx.x % groups * blockDim.x + threadIdx.x;
  if (head >= heads) return;
  float* const table = reinterpret_cast<float*>(dynamic_shared()) + threadIdx.x;
  for (Index entry = 0; entry < buckets; ++entry) table[entry * blockDim.x] = 0;
  Index const end = size * size * (chunk + 1) / table_chunks;
  for (Index pair = size * size * chunk / table_chunks; pair < end; ++pair)
    table[bucket[pair / size * bucket_stride + pair % size] * blockDim.x] +=
        dlogits[head * size * size + pair];
  for (Index entry = 0; entry < buckets; ++entry)
    tables[(chunk * buckets + entry) * heads + head] = table[entry * blockDim.x];
}

// dtable += the tables of all chunks, in their order.
__global__ void add_chunks_kernel(Index buckets, Index heads, float const* __restrict__ tables,
                                  Rows<float> dtable) {
  Index const i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= buckets * heads) return;
  float sum = 0;
  for (Index chunk = 0; chunk < table_chunks; ++chunk) sum += tables[chunk * buckets * heads + i];
  dtable[i / heads][i % heads] += sum;
}

/// Heads of a block whose tables fit shared memory.
int heads_per_block(Index buckets) {
  constexpr Index most_bytes = 200 << 10;
  int heads = 32;
  while (heads > 1 && heads * buckets * static_cast<Index>(sizeof(float)) > most_bytes) heads /= 2;
  return heads;
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
    View const dtable = sums.bias.dtable;
    Index const buckets = dtable.rows();
    int const threads = heads_per_block(buckets);
    Tensor tables(queue, DType::float32, {table_chunks, buckets, heads});
    launch(queue, "attention_table_gradient",
           {table_chunks * ((heads + threads - 1) / threads), threads,
            static_cast<std::size_t>(threads * buckets) * sizeof(float)},
           table_chunk_kernel, buckets, heads, size, sums.bias.bucket.as<std::int32_t>(),
           sums.bias.bucket.stride(), dlogits.as<float>(), tables.view().as<float>());
    launch(queue, "attention_table_gradient",
           {(dtable.size() + most_threads - 1) / most_threads, most_threads, 0}, add_chunks_kernel,
           buckets, heads, tables.view().as<float>(), Rows<float>(dtable));
  }
}

}  // namespace accord::cuda
