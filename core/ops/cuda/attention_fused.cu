// bfloat16, heads of 64, float32 sums. A block of four warps takes 64
// tokens, 16 to a warp, and goes through the others of the sequence in tiles of 64, which it brings
// into shared memory. Forward keeps a running maximum and sum (Dao et al., FlashAttention-2, 2023);
// backward computes p again, once by queries for dq and the bias, once by keys for dk and dv, so
// that nothing is summed by atomics.

#include "core/ops/cuda/attention_fused.hpp"

#include <algorithm>

#include "core/ops/cuda/attention_plan.cuh"

namespace accord::cuda {
namespace {

constexpr int tile_tokens = 64;
constexpr int head_dim = 64;
constexpr int warps = 4;
constexpr int threads = warps * warp_size;
constexpr int steps = head_dim / 16;  ///< products of 16 that a sum over a head, or a tile, takes
constexpr int blocks = head_dim / 8;  ///< blocks of 8 columns of a head, or of a tile
static_assert(tile_tokens == head_dim, "a tile is as wide as a head");

/// The arrays of one call.
struct Arrays {
  Rows<BFloat16 const> qkv, out, dout;
  Rows<BFloat16> result;  ///< out forward, dqkv backward
  float* lse;             ///< [rows, heads]
  float* delta;           ///< [rows, heads]: sum over a head of dout * out

  /// part: 0 q, 1 k, 2 v
  __device__ BFloat16 const* of(DevicePlan const& plan, int part, Index row, Index head) const {
    return qkv[row] + (part * plan.heads + head) * head_dim;
  }
  __device__ BFloat16* gradient(DevicePlan const& plan, int part, Index row, Index head) const {
    return result[row] + (part * plan.heads + head) * head_dim;
  }
};

/// 64 x 64 elements; the pitch spreads the rows of a fragment over all banks.
constexpr int pitch = head_dim + 8;
using Square = BFloat16[tile_tokens][pitch];

__device__ int lane() { return threadIdx.x % warp_size; }
__device__ int group() { return lane() / 4; }
__device__ int member() { return lane() % 4; }

__device__ std::uint32_t pair_at(BFloat16 const* from) {
  return *reinterpret_cast<std::uint32_t const*>(from);
}

/// The second factor of multiply_add: columns [column, column + 8), rows [row, row + 16) of the
/// transpose of `square`.
__device__ void load_second(std::uint32_t (&b)[2], Square const& square, int column, int row) {
  BFloat16 const* const at = &square[column + group()][row + 2 * member()];
  b[0] = pair_at(at);
  b[1] = pair_at(at + 8);
}

/// A warp's 16 rows of a head as first factors, straight from memory. Rows beyond the sequence are
/// zero.
struct HeadRows {
  std::uint32_t values[steps][4];

  __device__ HeadRows(BFloat16 const* upper, BFloat16 const* lower) {
    for (int step = 0; step < steps; ++step) {
      int const c = step * 16 + 2 * member();
      values[step][0] = upper ? pair_at(upper + c) : 0;
      values[step][1] = lower ? pair_at(lower + c) : 0;
      values[step][2] = upper ? pair_at(upper + c + 8) : 0;
      values[step][3] = lower ? pair_at(lower + c + 8) : 0;
    }
  }
};

/// A warp's 16 x 64 results: element [b][e] is row group (e < 2) or group + 8, column 8 b + 2
/// member + e % 2.
struct Results {
  float values[blocks][4] = {};

  /// += rows times the transpose of `square`: sums over a head.
  __device__ void add_product(HeadRows const& rows, Square const& square) {
    for (int step = 0; step < steps; ++step)
      for (int b = 0; b < blocks; ++b) {
        std::uint32_t second[2];
        load_second(second, square, 8 * b, 16 * step);
        multiply_add(values[b], rows.values[step], second);
      }
  }
  /// += `first`, rounded to bfloat16, times the transpose of `square`: sums over a tile.
  __device__ void add_product(Results const& first, Square const& square) {
    for (int step = 0; step < steps; ++step) {
      float const(&left)[4] = first.values[2 * step];
      float const(&right)[4] = first.values[2 * step + 1];
      std::uint32_t const rows[4] = {
          pack_bfloat16(left[0], left[1]), pack_bfloat16(left[2], left[3]),
          pack_bfloat16(right[0], right[1]), pack_bfloat16(right[2], right[3])};
      for (int b = 0; b < blocks; ++b) {
        std::uint32_t second[2];
        load_second(second, square, 8 * b, 16 * step);
        multiply_add(values[b], rows, second);
      }
    }
  }
  /// Writes the rows, times one factor for each half; null: that row does not exist.
  __device__ void store(BFloat16* upper, BFloat16* lower, float upper_factor,
                        float lower_factor) const {
    for (int b = 0; b < blocks; ++b) {
      int const c = 8 * b + 2 * member();
      if (upper)
        *reinterpret_cast<std::uint32_t*>(upper + c) =
            pack_bfloat16(values[b][0] * upper_factor, values[b][1] * upper_factor);
      if (lower)
        *reinterpret_cast<std::uint32_t*>(lower + c) =
            pack_bfloat16(values[b][2] * lower_factor, values[b][3] * lower_factor);
    }
  }
};

/// Tokens [begin, begin + 64) of the sequence, for all threads to read.
__device__ void load_tokens(Token (&tokens)[tile_tokens], DevicePlan const& plan,
                            AttentionTile const& tile, int begin) {
  if (threadIdx.x < tile_tokens)
    tokens[threadIdx.x] = token_of(plan, tile, begin + static_cast<int>(threadIdx.x));
}

/// The rows of those tokens: as they are into `rows`, and transposed into `columns`; either may be
/// null. row_of(token) -> the head's elements.
template <class RowOf>
__device__ void load_square(Square* rows, Square* columns, Token const (&tokens)[tile_tokens],
                            int existing, RowOf const& row_of) {
  constexpr int packs = head_dim / 8;
  for (int i = threadIdx.x; i < tile_tokens * packs; i += threads) {
    int const t = i / packs, c = i % packs * 8;
    Pack<BFloat16, 8> pack{};
    if (t < existing) pack = load<8>(row_of(tokens[t]) + c);
    if (rows) *reinterpret_cast<Pack<BFloat16, 8>*>(&(*rows)[t][c]) = pack;
    if (columns)
      for (int k = 0; k < 8; ++k) (*columns)[c + k][t] = pack.values[k];
  }
}

__device__ float quad_sum(float x) {
  x += shuffle_xor(x, 1);
  return x + shuffle_xor(x, 2);
}
__device__ float quad_max(float x) {
  x = fmaxf(x, shuffle_xor(x, 1));
  return fmaxf(x, shuffle_xor(x, 2));
}

/// The two tokens of which a thread holds results.
struct TwoTokens {
  Token token[2];
  bool exists[2];

  __device__ TwoTokens(DevicePlan const& plan, AttentionTile const& tile) {
    int const first = tile.begin + static_cast<int>(threadIdx.x) / warp_size * 16 + group();
    for (int half = 0; half < 2; ++half) {
      exists[half] = first + 8 * half < tile.length;
      token[half] = token_of(plan, tile, first + 8 * half);
    }
  }
  template <class RowOf>
  __device__ auto row(int half, RowOf const& row_of) const {
    return exists[half] ? row_of(token[half]) : nullptr;
  }
};

struct ForwardShared {
  Square k, v_columns;
  Token keys[tile_tokens];
};

__global__ void __launch_bounds__(threads) forward_kernel(DevicePlan plan, Arrays arrays) {
  auto& shared = *reinterpret_cast<ForwardShared*>(dynamic_shared());
  Index const head = blockIdx.x % plan.heads;
  AttentionTile const tile = plan.tiles[plan.block_begin[blockIdx.x / plan.heads]];
  auto const q_of = [&](Token const& t) { return arrays.of(plan, 0, t.row, head); };
  TwoTokens const queries(plan, tile);
  HeadRows const q(queries.row(0, q_of), queries.row(1, q_of));
  Results out;
  float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  for (int begin = 0; begin < tile.length; begin += tile_tokens) {
    int const existing = min(tile_tokens, tile.length - begin);
    __syncthreads();
    load_tokens(shared.keys, plan, tile, begin);
    __syncthreads();
    load_square(&shared.k, nullptr, shared.keys, existing,
                [&](Token const& t) { return arrays.of(plan, 1, t.row, head); });
    load_square(nullptr, &shared.v_columns, shared.keys, existing,
                [&](Token const& t) { return arrays.of(plan, 2, t.row, head); });
    __syncthreads();
    Results p;
    p.add_product(q, shared.k);
    float reference[2] = {largest[0], largest[1]};
    for (int b = 0; b < blocks; ++b)
      for (int e = 0; e < 4; ++e) {
        Token const& key = shared.keys[8 * b + 2 * member() + e % 2];
        float& value = p.values[b][e];
        value = key.key
                    ? value * plan.scale + bias_of<BFloat16>(plan, queries.token[e / 2], key, head)
                    : -INFINITY;
        reference[e / 2] = fmaxf(reference[e / 2], value);
      }
    float correction[2];
    for (int half = 0; half < 2; ++half) {
      reference[half] = quad_max(reference[half]);
      // Until a key was seen there is nothing to correct, and no maximum to subtract.
      correction[half] = largest[half] == -INFINITY ? 0 : expf(largest[half] - reference[half]);
      largest[half] = reference[half];
      if (reference[half] == -INFINITY) reference[half] = 0;
      sum[half] *= correction[half];
    }
    for (int b = 0; b < blocks; ++b)
      for (int e = 0; e < 4; ++e) {
        p.values[b][e] = expf(p.values[b][e] - reference[e / 2]);
        sum[e / 2] += p.values[b][e];
        out.values[b][e] *= correction[e / 2];
      }
    out.add_product(p, shared.v_columns);
  }
  auto const out_of = [&](Token const& t) { return arrays.result[t.row] + head * head_dim; };
  for (int half = 0; half < 2; ++half) {
    sum[half] = quad_sum(sum[half]);
    if (queries.exists[half] && member() == 0)
      arrays.lse[queries.token[half].row * plan.heads + head] = largest[half] + logf(sum[half]);
  }
  out.store(queries.row(0, out_of), queries.row(1, out_of), 1 / sum[0], 1 / sum[1]);
}

struct QueriesShared {
  Square k, k_columns, v;
  Token keys[tile_tokens];
};

__global__ void __launch_bounds__(threads) queries_kernel(DevicePlan plan, Arrays arrays) {
  auto& shared = *reinterpret_cast<QueriesShared*>(dynamic_shared());
  Index const head = blockIdx.x % plan.heads, block = blockIdx.x / plan.heads;
  auto const q_of = [&](Token const& t) { return arrays.of(plan, 0, t.row, head); };
  auto const dout_of = [&](Token const& t) { return arrays.dout[t.row] + head * head_dim; };
  for (int at = plan.block_begin[block]; at < plan.block_begin[block + 1]; ++at) {
    AttentionTile const tile = plan.tiles[at];
    TwoTokens const queries(plan, tile);
    HeadRows const q(queries.row(0, q_of), queries.row(1, q_of));
    HeadRows const dout(queries.row(0, dout_of), queries.row(1, dout_of));
    float lse[2] = {}, delta[2] = {};
    for (int half = 0; half < 2; ++half)
      if (queries.exists[half]) {
        lse[half] = arrays.lse[queries.token[half].row * plan.heads + head];
        delta[half] = arrays.delta[queries.token[half].row * plan.heads + head];
      }
    Results dq;
    for (int begin = 0; begin < tile.length; begin += tile_tokens) {
      int const existing = min(tile_tokens, tile.length - begin);
      __syncthreads();
      load_tokens(shared.keys, plan, tile, begin);
      __syncthreads();
      load_square(&shared.k, &shared.k_columns, shared.keys, existing,
                  [&](Token const& t) { return arrays.of(plan, 1, t.row, head); });
      load_square(&shared.v, nullptr, shared.keys, existing,
                  [&](Token const& t) { return arrays.of(plan, 2, t.row, head); });
      __syncthreads();
      Results dlogit, dp;
      dlogit.add_product(q, shared.k);
      dp.add_product(dout, shared.v);
      for (int b = 0; b < blocks; ++b)
        for (int e = 0; e < 4; ++e) {
          Token const& query = queries.token[e / 2];
          Token const& key = shared.keys[8 * b + 2 * member() + e % 2];
          float& value = dlogit.values[b][e];
          bool const wanted = key.key && queries.exists[e / 2];
          float const logit =
              value * plan.scale + (wanted ? bias_of<BFloat16>(plan, query, key, head) : 0);
          value = wanted ? expf(logit - lse[e / 2]) * (dp.values[b][e] - delta[e / 2]) : 0;
          if (wanted) add_dlogit(plan, query, key, block, head, value);
        }
      dq.add_product(dlogit, shared.k_columns);
    }
    auto const dq_of = [&](Token const& t) { return arrays.gradient(plan, 0, t.row, head); };
    dq.store(queries.row(0, dq_of), queries.row(1, dq_of), plan.scale, plan.scale);
  }
}

struct KeysShared {
  Square q, q_columns, dout, dout_columns;
  Token queries[tile_tokens];
  float lse[tile_tokens], delta[tile_tokens];
};

__global__ void __launch_bounds__(threads) keys_kernel(DevicePlan plan, Arrays arrays) {
  auto& shared = *reinterpret_cast<KeysShared*>(dynamic_shared());
  Index const head = blockIdx.x % plan.heads;
  AttentionTile const tile = plan.tiles[plan.block_begin[blockIdx.x / plan.heads]];
  TwoTokens const keys(plan, tile);
  auto const k_of = [&](Token const& t) { return arrays.of(plan, 1, t.row, head); };
  auto const v_of = [&](Token const& t) { return arrays.of(plan, 2, t.row, head); };
  HeadRows const k(keys.row(0, k_of), keys.row(1, k_of));
  HeadRows const v(keys.row(0, v_of), keys.row(1, v_of));
  Results dk, dv;
  for (int begin = 0; begin < tile.length; begin += tile_tokens) {
    int const existing = min(tile_tokens, tile.length - begin);
    __syncthreads();
    load_tokens(shared.queries, plan, tile, begin);
    __syncthreads();
    load_square(&shared.q, &shared.q_columns, shared.queries, existing,
                [&](Token const& t) { return arrays.of(plan, 0, t.row, head); });
    load_square(&shared.dout, &shared.dout_columns, shared.queries, existing,
                [&](Token const& t) { return arrays.dout[t.row] + head * head_dim; });
    if (threadIdx.x < tile_tokens) {
      int const i = threadIdx.x;
      Index const entry = shared.queries[i].row * plan.heads + head;
      // A query beyond the sequence gives p = exp(-inf) = 0.
      shared.lse[i] = i < existing ? arrays.lse[entry] : INFINITY;
      shared.delta[i] = i < existing ? arrays.delta[entry] : 0;
    }
    __syncthreads();
    Results p, dlogit;
    p.add_product(k, shared.q);
    dlogit.add_product(v, shared.dout);  // dp so far
    for (int b = 0; b < blocks; ++b)
      for (int e = 0; e < 4; ++e) {
        Token const& key = keys.token[e / 2];
        int const i = 8 * b + 2 * member() + e % 2;
        float& value = p.values[b][e];
        value = key.key
                    ? expf(value * plan.scale +
                           bias_of<BFloat16>(plan, shared.queries[i], key, head) - shared.lse[i])
                    : 0;
        dlogit.values[b][e] = value * (dlogit.values[b][e] - shared.delta[i]);
      }
    dv.add_product(p, shared.dout_columns);
    dk.add_product(dlogit, shared.q_columns);
  }
  auto const dk_of = [&](Token const& t) { return arrays.gradient(plan, 1, t.row, head); };
  auto const dv_of = [&](Token const& t) { return arrays.gradient(plan, 2, t.row, head); };
  dk.store(keys.row(0, dk_of), keys.row(1, dk_of), plan.scale, plan.scale);
  dv.store(keys.row(0, dv_of), keys.row(1, dv_of), 1, 1);
}

template <class Shared>
Geometry geometry_of(UploadedPlan const& plan) {
  return {plan.blocks * plan.device.heads, threads, sizeof(Shared)};
}

// Thread per (row, head).
__global__ void delta_kernel(Index count, Index heads, Arrays arrays) {
  Index const i = static_cast<Index>(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= count) return;
  Index const row = i / heads, begin = i % heads * head_dim;
  float sum = 0;
  for (Index c = begin; c < begin + head_dim; ++c)
    sum += to_float(arrays.dout[row][c]) * to_float(arrays.out[row][c]);
  arrays.delta[i] = sum;
}

}  // namespace

bool fused_attention_takes(Index heads, std::initializer_list<ConstView> operands) {
  ConstView const qkv = *operands.begin();
  return qkv.dtype() == DType::bfloat16 && qkv.columns() == 3 * heads * head_dim &&
         std::all_of(operands.begin(), operands.end(), vectorizable);
}

void fused_attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                             std::span<PositionBias const> bias, View out, View lse) {
  UploadedPlan const uploaded(queue, one_tile_per_block(plan, tile_tokens), plan, heads, head_dim,
                              bias);
  Arrays const arrays{Rows<BFloat16 const>(qkv), {},     {}, Rows<BFloat16>(out),
                      lse.as<float>(),           nullptr};
  launch(queue, "attention_forward", geometry_of<ForwardShared>(uploaded), forward_kernel,
         uploaded.device, arrays);
}

void fused_attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                              ConstView qkv, ConstView out, ConstView lse,
                              std::span<PositionBias const> bias, View dqkv) {
  Index const count = qkv.rows() * heads;
  if (count == 0) return;
  Tensor delta(queue, DType::float32, {qkv.rows(), heads});
  Arrays const arrays{Rows<BFloat16 const>(qkv),           Rows<BFloat16 const>(out),
                      Rows<BFloat16 const>(dout),          Rows<BFloat16>(dqkv),
                      const_cast<float*>(lse.as<float>()), delta.view().as<float>()};
  launch(queue, "attention_delta", {(count + most_threads - 1) / most_threads, most_threads, 0},
         delta_kernel, count, heads, arrays);
  {
    UploadedPlan uploaded(
        queue, sequences_per_block(plan, tile_tokens, TableGradients::most_blocks(heads, bias)),
        plan, heads, head_dim, bias);
    TableGradients tables(queue, bias, uploaded);
    launch(queue, "attention_backward_queries", geometry_of<QueriesShared>(uploaded),
           queries_kernel, uploaded.device, arrays);
    tables.finish(queue);
  }
  UploadedPlan const uploaded(queue, one_tile_per_block(plan, tile_tokens), plan, heads, head_dim,
                              bias);
  launch(queue, "attention_backward_keys", geometry_of<KeysShared>(uploaded), keys_kernel,
         uploaded.device, arrays);
}

}  // namespace accord::cuda
