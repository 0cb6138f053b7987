// Attention in plain loops, for any type and head: a warp per token, its logits in shared memory.
// What the kernels on tensor cores are compared with.

#include "core/ops/cuda/attention.cuh"

namespace accord::cuda {
namespace {

constexpr int warps = 4;

template <class T>
__device__ float product(T const* a, T const* b, Index n) {
  float sum = 0;
  for (Index c = 0; c < n; ++c) sum += to_float(a[c]) * to_float(b[c]);
  return sum;
}

/// q k^T scale + bias; -inf for a key that nobody attends to.
template <class T>
__device__ float logit(DevicePlan const& plan, Arrays<T> const& arrays, Token const& query,
                       Token const& key, Index head) {
  if (!key.key) return -INFINITY;
  return product(arrays.of(plan, 0, query.row, head), arrays.of(plan, 1, key.row, head),
                 plan.head_dim) *
             plan.scale +
         bias_of<T>(plan, query, key, head);
}

/// Calls body(tile, token) for the tokens of this warp, one tile after another. Between tiles the
/// whole block meets.
template <class Body>
__device__ void for_each_token(DevicePlan const& plan, Index block, Body const& body) {
  int const warp = threadIdx.x / warp_size;
  for (int t = plan.block_begin[block]; t < plan.block_begin[block + 1]; ++t) {
    AttentionTile const tile = plan.tiles[t];
    if (tile.begin + warp < tile.length) body(tile, tile.begin + warp);
    __syncthreads();
  }
}

template <class T>
__global__ void forward_kernel(DevicePlan plan, Arrays<T> arrays, int longest) {
  Index const head = blockIdx.x % plan.heads;
  int const lane = threadIdx.x % warp_size;
  float* const p = reinterpret_cast<float*>(dynamic_shared()) + threadIdx.x / warp_size * longest;
  for_each_token(plan, blockIdx.x / plan.heads, [&](AttentionTile const& tile, int i) {
    Token const query = token_of(plan, tile, i);
    float largest = -INFINITY, sum = 0;
    for (int j = lane; j < tile.length; j += warp_size) {
      p[j] = logit(plan, arrays, query, token_of(plan, tile, j), head);
      largest = fmaxf(largest, p[j]);
    }
    largest = warp_max(largest);
    for (int j = lane; j < tile.length; j += warp_size) sum += p[j] = expf(p[j] - largest);
    sum = warp_sum(sum);
    __syncwarp();
    if (lane == 0) arrays.lse[query.row * plan.heads + head] = largest + logf(sum);
    T* const out = arrays.result[query.row] + head * plan.head_dim;
    for (Index c = lane; c < plan.head_dim; c += warp_size) {
      float value = 0;
      for (int j = 0; j < tile.length; ++j)
        value += p[j] * to_float(arrays.of(plan, 2, token_of(plan, tile, j).row, head)[c]);
      out[c] = from_float<T>(value / sum);
    }
    __syncwarp();
  });
}

/// p and dlogit of one query and key.
struct Pair {
  float p, dlogit;
};
template <class T>
__device__ Pair pair_of(DevicePlan const& plan, Arrays<T> const& arrays, Token const& query,
                        Token const& key, Index head) {
  Index const at = query.row * plan.heads + head;
  float const p = expf(logit(plan, arrays, query, key, head) - arrays.lse[at]);
  float const dp = product(arrays.dout[query.row] + head * plan.head_dim,
                           arrays.of(plan, 2, key.row, head), plan.head_dim);
  return {p, p * (dp - arrays.delta[at])};
}

template <class T>
__global__ void queries_kernel(DevicePlan plan, Arrays<T> arrays, int longest) {
  Index const head = blockIdx.x % plan.heads, block = blockIdx.x / plan.heads;
  int const lane = threadIdx.x % warp_size;
  float* const dlogits =
      reinterpret_cast<float*>(dynamic_shared()) + threadIdx.x / warp_size * longest;
  for_each_token(plan, block, [&](AttentionTile const& tile, int i) {
    Token const query = token_of(plan, tile, i);
    for (int j = lane; j < tile.length; j += warp_size) {
      Token const key = token_of(plan, tile, j);
      dlogits[j] = pair_of(plan, arrays, query, key, head).dlogit;
      add_dlogit(plan, query, key, block, head, dlogits[j]);
    }
    __syncwarp();
    T* const dq = arrays.gradient(plan, 0, query.row, head);
    for (Index c = lane; c < plan.head_dim; c += warp_size) {
      float value = 0;
      for (int j = 0; j < tile.length; ++j)
        value += dlogits[j] * to_float(arrays.of(plan, 1, token_of(plan, tile, j).row, head)[c]);
      dq[c] = from_float<T>(value * plan.scale);
    }
    __syncwarp();
  });
}

template <class T>
__global__ void keys_kernel(DevicePlan plan, Arrays<T> arrays, int longest) {
  Index const head = blockIdx.x % plan.heads;
  int const lane = threadIdx.x % warp_size;
  auto* const pairs = reinterpret_cast<Pair*>(dynamic_shared()) + threadIdx.x / warp_size * longest;
  for_each_token(plan, blockIdx.x / plan.heads, [&](AttentionTile const& tile, int j) {
    Token const key = token_of(plan, tile, j);
    for (int i = lane; i < tile.length; i += warp_size)
      pairs[i] = pair_of(plan, arrays, token_of(plan, tile, i), key, head);
    __syncwarp();
    T* const dk = arrays.gradient(plan, 1, key.row, head);
    T* const dv = arrays.gradient(plan, 2, key.row, head);
    for (Index c = lane; c < plan.head_dim; c += warp_size) {
      float of_k = 0, of_v = 0;
      for (int i = 0; i < tile.length; ++i) {
        Index const row = token_of(plan, tile, i).row;
        of_k += pairs[i].dlogit * to_float(arrays.of(plan, 0, row, head)[c]);
        of_v += pairs[i].p * to_float(arrays.dout[row][head * plan.head_dim + c]);
      }
      dk[c] = from_float<T>(of_k * plan.scale);
      dv[c] = from_float<T>(of_v);
    }
    __syncwarp();
  });
}

Geometry geometry_of(UploadedPlan const& plan, std::size_t bytes_per_token) {
  return {plan.blocks * plan.device.heads, warps * warp_size,
          warps * static_cast<std::size_t>(plan.longest) * bytes_per_token};
}

}  // namespace

static_assert(AttentionLoops<float>::tile == warps);

template <class T>
void AttentionLoops<T>::forward(Queue& queue, UploadedPlan const& plan, Arrays<T> const& arrays) {
  launch(queue, "attention_forward", geometry_of(plan, sizeof(float)), forward_kernel<T>,
         plan.device, arrays, plan.longest);
}

template <class T>
void AttentionLoops<T>::queries(Queue& queue, UploadedPlan const& plan, Arrays<T> const& arrays) {
  launch(queue, "attention_backward_queries", geometry_of(plan, sizeof(float)), queries_kernel<T>,
         plan.device, arrays, plan.longest);
}

template <class T>
void AttentionLoops<T>::keys(Queue& queue, UploadedPlan const& plan, Arrays<T> const& arrays) {
  launch(queue, "attention_backward_keys", geometry_of(plan, sizeof(Pair)), keys_kernel<T>,
         plan.device, arrays, plan.longest);
}

template struct AttentionLoops<float>;
template struct AttentionLoops<BFloat16>;

}  // namespace accord::cuda
