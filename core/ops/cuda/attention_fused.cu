// bfloat16, heads of 64, float32 sums. A block of five warps takes 80 tokens, 16 to a warp, and
// goes through the others of the sequence, which it brings into shared memory 64 at a time. Forward
// keeps a running maximum and sum (Dao et al., FlashAttention-2, 2023); backward computes p again,
// once by queries for dq and the bias, once by keys for dk and dv, so that nothing is summed by
// atomics. 80, because our lengths lie just above multiples of 64: 65 tokens take one block, 257
// four. Of the 64, `part` at a time are in registers: as many as let three blocks forward, two
// backward, share a multiprocessor without spilling.

#include "core/ops/cuda/attention_fused.hpp"

#include <algorithm>

#include "core/ops/cuda/attention_plan.cuh"

namespace accord::cuda {
namespace {

constexpr int head_dim = 64;
constexpr int warps = 5;
constexpr int threads = warps * warp_size;
constexpr int tile_tokens = warps * 16;  ///< of a block
constexpr int staged_tokens = 64;        ///< of the others, in shared memory at a time

/// The arrays of one call.
struct Arrays {
  Rows<BFloat16 const> qkv, out, dout;
  Rows<BFloat16> result;  ///< out forward, dqkv backward
  float* lse;             ///< [rows, heads]
  float* delta;           ///< [rows, heads]: sum over a head of dout * out

  /// part: 0 q, 1 k, 2 v
  __device__ BFloat16 const* of(DevicePlan const& plan, int part, Index row, int head) const {
    return qkv[row] + (part * plan.heads + head) * head_dim;
  }
  __device__ BFloat16* gradient(DevicePlan const& plan, int part, Index row, int head) const {
    return result[row] + (part * plan.heads + head) * head_dim;
  }
};

/// The pitch spreads eight rows over all banks.
constexpr int pitch = head_dim + 8;
using Square = BFloat16[staged_tokens][pitch];

__device__ int lane() { return threadIdx.x % warp_size; }
__device__ int group() { return lane() / 4; }
__device__ int member() { return lane() % 4; }

__device__ std::uint32_t pair_at(BFloat16 const* from) {
  return *reinterpret_cast<std::uint32_t const*>(from);
}

/// A warp's 16 rows of a head as first factors, straight from memory. Rows beyond the sequence are
/// zero.
struct HeadRows {
  std::uint32_t values[head_dim / 16][4];

  __device__ HeadRows(BFloat16 const* upper, BFloat16 const* lower) {
    ACCORD_UNROLL
    for (int step = 0; step < head_dim / 16; ++step) {
      int const c = step * 16 + 2 * member();
      values[step][0] = upper ? pair_at(upper + c) : 0;
      values[step][1] = lower ? pair_at(lower + c) : 0;
      values[step][2] = upper ? pair_at(upper + c + 8) : 0;
      values[step][3] = lower ? pair_at(lower + c + 8) : 0;
    }
  }
};

/// A warp's 16 x columns results: element [b][e] is row group (e < 2) or group + 8, column 8 b + 2
/// member + e % 2.
template <int columns>
struct Results {
  float values[columns / 8][4] = {};
};
using Sums = Results<head_dim>;

/// += rows times the transpose of staged rows [begin, begin + part): sums over a head.
template <int part>
__device__ void add_product(Results<part>& sums, HeadRows const& rows, Square const& staged,
                            int begin) {
  ACCORD_UNROLL
  for (int step = 0; step < head_dim / 16; step += 2) {
    ACCORD_UNROLL
    for (int b = 0; b < part / 8; ++b) {
      std::uint32_t second[4];  // of both steps
      load_blocks(second, &staged[begin + 8 * b + lane() % 8][16 * step + lane() / 8 * 8]);
      multiply_add(sums.values[b], rows.values[step], second[0], second[1]);
      multiply_add(sums.values[b], rows.values[step + 1], second[2], second[3]);
    }
  }
}

/// += logits, rounded to bfloat16, times staged rows [begin, begin + part): sums over those tokens.
template <int part>
__device__ void add_product(Sums& sums, Results<part> const& logits, Square const& staged,
                            int begin) {
  ACCORD_UNROLL
  for (int step = 0; step < part / 16; ++step) {
    float const(&left)[4] = logits.values[2 * step];
    float const(&right)[4] = logits.values[2 * step + 1];
    std::uint32_t const rows[4] = {pack_bfloat16(left[0], left[1]), pack_bfloat16(left[2], left[3]),
                                   pack_bfloat16(right[0], right[1]),
                                   pack_bfloat16(right[2], right[3])};
    ACCORD_UNROLL
    for (int b = 0; b < head_dim / 8; b += 2) {
      std::uint32_t second[4];  // of both blocks of columns
      load_blocks_transposed(second,
                             &staged[begin + 16 * step + lane() % 16][8 * b + lane() / 16 * 8]);
      multiply_add(sums.values[b], rows, second[0], second[1]);
      multiply_add(sums.values[b + 1], rows, second[2], second[3]);
    }
  }
}

/// Writes a row for each half, times its factor; null: that row does not exist.
__device__ void store(Sums const& sums, BFloat16* upper, BFloat16* lower, float upper_factor,
                      float lower_factor) {
  ACCORD_UNROLL
  for (int b = 0; b < head_dim / 8; ++b) {
    float const(&values)[4] = sums.values[b];
    int const c = 8 * b + 2 * member();
    if (upper)
      *reinterpret_cast<std::uint32_t*>(upper + c) =
          pack_bfloat16(values[0] * upper_factor, values[1] * upper_factor);
    if (lower)
      *reinterpret_cast<std::uint32_t*>(lower + c) =
          pack_bfloat16(values[2] * lower_factor, values[3] * lower_factor);
  }
}

/// Brings tokens [begin, begin + count) of the sequence into shared memory, for all threads to
/// read.
template <int count>
__device__ void stage_tokens(Token (&tokens)[count], DevicePlan const& plan,
                             AttentionTile const& tile, int begin) {
  if (threadIdx.x < count)
    tokens[threadIdx.x] = token_of(plan, tile, begin + static_cast<int>(threadIdx.x));
}

/// The rows of those tokens; those beyond the sequence are zero. row_of(token) -> the head's
/// elements.
template <class RowOf>
__device__ void stage(Square& rows, Token const (&tokens)[staged_tokens], int existing,
                      RowOf const& row_of) {
  constexpr int packs = head_dim / 8;
  for (int i = threadIdx.x; i < staged_tokens * packs; i += threads) {
    int const t = i / packs, c = i % packs * 8;
    Pack<BFloat16, 8> pack{};
    if (t < existing) pack = load<8>(row_of(tokens[t]) + c);
    *reinterpret_cast<Pack<BFloat16, 8>*>(&rows[t][c]) = pack;
  }
}

/// The head's bias tables, behind what else is in shared memory.
template <class Shared>
__device__ BFloat16* tables_behind(Shared& shared) {
  return reinterpret_cast<BFloat16*>(&shared + 1);
}
__device__ void stage_tables(BFloat16* tables, DevicePlan const& plan, int head) {
  BFloat16 const* const from = plan.tables_of<BFloat16>(head);
  for (int i = threadIdx.x; i < plan.entries; i += threads) tables[i] = from[i];
}

/// Of the block's tokens, the two of which a thread holds results: `half` 0 and 1.
__device__ int own_index(int half) {
  return static_cast<int>(threadIdx.x) / warp_size * 16 + group() + 8 * half;
}
__device__ bool own_exists(AttentionTile const& tile, int half) {
  return tile.begin + own_index(half) < tile.length;
}
/// Null beyond the sequence.
template <class RowOf>
__device__ auto own_row(AttentionTile const& tile, Token const (&own)[tile_tokens], int half,
                        RowOf const& row_of) {
  return own_exists(tile, half) ? row_of(own[own_index(half)]) : nullptr;
}
/// Whether any of the warp's tokens exists.
__device__ bool warp_exists(AttentionTile const& tile) {
  return tile.begin + static_cast<int>(threadIdx.x) / warp_size * 16 < tile.length;
}

/// What the product of a token of the block and a staged one gets added: the bias, or -inf where
/// the key of the two is none.
using BiasTile = BFloat16[tile_tokens][staged_tokens + 8];

__device__ BFloat16 to_add(DevicePlan const& plan, BFloat16 const* tables, Token const& query,
                           Token const& key) {
  return from_float<BFloat16>(key.key ? bias_of(plan, tables, query, key) : -INFINITY);
}

// Neighbouring threads read the buckets of neighbouring keys: the staged ones, or the block's own.
__device__ void stage_bias_of_queries(BiasTile& bias, DevicePlan const& plan,
                                      BFloat16 const* tables, Token const (&queries)[tile_tokens],
                                      Token const (&keys)[staged_tokens]) {
  int const first = static_cast<int>(threadIdx.x) / warp_size * 16;
  for (int j = lane(); j < staged_tokens; j += warp_size) {
    Token const key = keys[j];
    for (int i = first; i < first + 16; ++i) bias[i][j] = to_add(plan, tables, queries[i], key);
  }
}
__device__ void stage_bias_of_keys(BiasTile& bias, DevicePlan const& plan, BFloat16 const* tables,
                                   Token const (&keys)[tile_tokens],
                                   Token const (&queries)[staged_tokens]) {
  int const i = static_cast<int>(threadIdx.x) % tile_tokens;
  Token const key = keys[i];
  for (int j = static_cast<int>(threadIdx.x) / tile_tokens; j < staged_tokens;
       j += threads / tile_tokens)
    bias[i][j] = to_add(plan, tables, queries[j], key);
}

/// That of element [b][e] of results whose columns begin at `first`.
__device__ float bias_of_element(BiasTile const& bias, int first, int b, int e) {
  std::uint32_t const pair = pair_at(&bias[own_index(e / 2)][first + 8 * b + 2 * member()]);
  return e % 2 == 0 ? low_float(pair) : high_float(pair);
}

__device__ float quad_sum(float x) {
  x += shuffle_xor(x, 1);
  return x + shuffle_xor(x, 2);
}
__device__ float quad_max(float x) {
  x = fmaxf(x, shuffle_xor(x, 1));
  return fmaxf(x, shuffle_xor(x, 2));
}

/// For queries of the block.
struct QueriesShared {
  Square k, v;
  BiasTile bias;
  Token queries[tile_tokens], keys[staged_tokens];
};

/// Tokens [begin, begin + existing) of the sequence as keys, with their values and the bias of the
/// block's queries to them.
__device__ void stage_keys(QueriesShared& shared, DevicePlan const& plan, Arrays const& arrays,
                           BFloat16 const* tables, AttentionTile const& tile, int head, int begin,
                           int existing) {
  __syncthreads();  // what was staged before is still read
  stage_tokens(shared.keys, plan, tile, begin);
  __syncthreads();
  stage(shared.k, shared.keys, existing,
        [&](Token const& t) { return arrays.of(plan, 1, t.row, head); });
  stage(shared.v, shared.keys, existing,
        [&](Token const& t) { return arrays.of(plan, 2, t.row, head); });
  if (warp_exists(tile))
    stage_bias_of_queries(shared.bias, plan, tables, shared.queries, shared.keys);
  __syncthreads();
}

__global__ void __launch_bounds__(threads, 3) forward_kernel(DevicePlan plan, Arrays arrays) {
  constexpr int part = 32;
  auto& shared = *reinterpret_cast<QueriesShared*>(dynamic_shared());
  BFloat16* const tables = tables_behind(shared);
  int const head = static_cast<int>(blockIdx.x) % plan.heads;
  AttentionTile const tile = plan.tiles[static_cast<int>(blockIdx.x) / plan.heads];
  stage_tables(tables, plan, head);
  auto const q_of = [&](Token const& t) { return arrays.of(plan, 0, t.row, head); };
  auto const row = [&](int half, auto const& row_of) {
    return own_row(tile, shared.queries, half, row_of);
  };
  stage_tokens(shared.queries, plan, tile, tile.begin);
  __syncthreads();
  HeadRows const q(row(0, q_of), row(1, q_of));
  Sums out;
  float largest[2] = {-INFINITY, -INFINITY}, sum[2] = {};
  for (int begin = 0; begin < tile.length; begin += staged_tokens) {
    int const existing = min(staged_tokens, tile.length - begin);
    stage_keys(shared, plan, arrays, tables, tile, head, begin, existing);
    for (int first = 0; warp_exists(tile) && first < existing; first += part) {
      Results<part> p;
      add_product(p, q, shared.k, first);
      float reference[2] = {largest[0], largest[1]};
      ACCORD_UNROLL
      for (int i = 0; i < part / 2; ++i) {
        int const b = i / 4, e = i % 4;
        float& value = p.values[b][e];
        value = value * plan.scale + bias_of_element(shared.bias, first, b, e);
        reference[e / 2] = fmaxf(reference[e / 2], value);
      }
      float correction[2];
      ACCORD_UNROLL
      for (int half = 0; half < 2; ++half) {
        reference[half] = quad_max(reference[half]);
        // Until a key was seen there is nothing to correct, and no maximum to subtract.
        correction[half] = largest[half] == -INFINITY ? 0 : expf(largest[half] - reference[half]);
        largest[half] = reference[half];
        if (reference[half] == -INFINITY) reference[half] = 0;
        sum[half] *= correction[half];
      }
      ACCORD_UNROLL
      for (int i = 0; i < head_dim / 2; ++i) out.values[i / 4][i % 4] *= correction[i % 4 / 2];
      ACCORD_UNROLL
      for (int i = 0; i < part / 2; ++i) {
        int const b = i / 4, e = i % 4;
        p.values[b][e] = expf(p.values[b][e] - reference[e / 2]);
        sum[e / 2] += p.values[b][e];
      }
      add_product(out, p, shared.v, first);
    }
  }
  auto const out_of = [&](Token const& t) { return arrays.result[t.row] + head * head_dim; };
  ACCORD_UNROLL
  for (int half = 0; half < 2; ++half) {
    sum[half] = quad_sum(sum[half]);
    if (own_exists(tile, half) && member() == 0)
      arrays.lse[shared.queries[own_index(half)].row * Index{plan.heads} + head] =
          largest[half] + logf(sum[half]);
  }
  store(out, row(0, out_of), row(1, out_of), 1 / sum[0], 1 / sum[1]);
}

/// The sums of a b over the warp's rows, `half` 0 or 1 each.
__device__ float product_of_rows(HeadRows const& a, HeadRows const& b, int half) {
  float sum = 0;
  ACCORD_UNROLL
  for (int i = 0; i < head_dim / 8; ++i) {
    std::uint32_t const left = a.values[i / 2][i % 2 * 2 + half];
    std::uint32_t const right = b.values[i / 2][i % 2 * 2 + half];
    sum += low_float(left) * low_float(right);
    sum += high_float(left) * high_float(right);
  }
  return quad_sum(sum);
}

// dq, the sums of dlogit, and delta for the kernel that comes after.
__global__ void __launch_bounds__(threads, 2) queries_kernel(DevicePlan plan, Arrays arrays) {
  constexpr int part = 16;
  auto& shared = *reinterpret_cast<QueriesShared*>(dynamic_shared());
  BFloat16* const tables = tables_behind(shared);
  int const head = static_cast<int>(blockIdx.x) % plan.heads;
  int const block = static_cast<int>(blockIdx.x) / plan.heads;
  stage_tables(tables, plan, head);
  auto const q_of = [&](Token const& t) { return arrays.of(plan, 0, t.row, head); };
  auto const out_of = [&](Token const& t) { return arrays.out[t.row] + head * head_dim; };
  auto const dout_of = [&](Token const& t) { return arrays.dout[t.row] + head * head_dim; };
  for (int at = plan.block_begin[block]; at < plan.block_begin[block + 1]; ++at) {
    AttentionTile const tile = plan.tiles[at];
    auto const row = [&](int half, auto const& row_of) {
      return own_row(tile, shared.queries, half, row_of);
    };
    __syncthreads();
    stage_tokens(shared.queries, plan, tile, tile.begin);
    __syncthreads();
    HeadRows const q(row(0, q_of), row(1, q_of)), dout(row(0, dout_of), row(1, dout_of));
    // A query beyond the sequence gives p = exp(-inf) = 0, and has no modality.
    float lse[2] = {INFINITY, INFINITY}, delta[2];
    {
      HeadRows const out(row(0, out_of), row(1, out_of));
      ACCORD_UNROLL
      for (int half = 0; half < 2; ++half) {
        delta[half] = product_of_rows(out, dout, half);
        if (!own_exists(tile, half)) continue;
        Index const entry = shared.queries[own_index(half)].row * Index{plan.heads} + head;
        lse[half] = arrays.lse[entry];
        if (member() == 0) arrays.delta[entry] = delta[half];
      }
    }
    Sums dq;
    for (int begin = 0; begin < tile.length; begin += staged_tokens) {
      int const existing = min(staged_tokens, tile.length - begin);
      stage_keys(shared, plan, arrays, tables, tile, head, begin, existing);
      for (int first = 0; warp_exists(tile) && first < existing; first += part) {
        Results<part> dlogit, dp;
        add_product(dlogit, q, shared.k, first);
        add_product(dp, dout, shared.v, first);
        ACCORD_UNROLL
        for (int i = 0; i < part / 2; ++i) {
          int const b = i / 4, e = i % 4;
          float& value = dlogit.values[b][e];
          float const logit = value * plan.scale + bias_of_element(shared.bias, first, b, e);
          value = expf(logit - lse[e / 2]) * (dp.values[b][e] - delta[e / 2]);
          Token const& key = shared.keys[first + 8 * b + 2 * member() + e % 2];
          if (key.key) add_dlogit(plan, shared.queries[own_index(e / 2)], key, block, head, value);
        }
        add_product(dq, dlogit, shared.k, first);
      }
    }
    auto const dq_of = [&](Token const& t) { return arrays.gradient(plan, 0, t.row, head); };
    store(dq, row(0, dq_of), row(1, dq_of), plan.scale, plan.scale);
  }
}

/// For keys of the block.
struct KeysShared {
  Square q, dout;
  BiasTile bias;
  Token keys[tile_tokens], queries[staged_tokens];
  float lse[staged_tokens], delta[staged_tokens];
};

__global__ void __launch_bounds__(threads, 2) keys_kernel(DevicePlan plan, Arrays arrays) {
  constexpr int part = 16;
  auto& shared = *reinterpret_cast<KeysShared*>(dynamic_shared());
  BFloat16* const tables = tables_behind(shared);
  int const head = static_cast<int>(blockIdx.x) % plan.heads;
  AttentionTile const tile = plan.tiles[static_cast<int>(blockIdx.x) / plan.heads];
  stage_tables(tables, plan, head);
  auto const row = [&](int half, auto const& row_of) {
    return own_row(tile, shared.keys, half, row_of);
  };
  stage_tokens(shared.keys, plan, tile, tile.begin);
  __syncthreads();
  auto const k_of = [&](Token const& t) { return arrays.of(plan, 1, t.row, head); };
  auto const v_of = [&](Token const& t) { return arrays.of(plan, 2, t.row, head); };
  HeadRows const k(row(0, k_of), row(1, k_of));
  HeadRows const v(row(0, v_of), row(1, v_of));
  Sums dk, dv;
  for (int begin = 0; begin < tile.length; begin += staged_tokens) {
    int const existing = min(staged_tokens, tile.length - begin);
    __syncthreads();
    stage_tokens(shared.queries, plan, tile, begin);
    __syncthreads();
    stage(shared.q, shared.queries, existing,
          [&](Token const& t) { return arrays.of(plan, 0, t.row, head); });
    stage(shared.dout, shared.queries, existing,
          [&](Token const& t) { return arrays.dout[t.row] + head * head_dim; });
    stage_bias_of_keys(shared.bias, plan, tables, shared.keys, shared.queries);
    if (threadIdx.x < staged_tokens) {
      int const i = threadIdx.x;
      Index const entry = shared.queries[i].row * Index{plan.heads} + head;
      // A query beyond the sequence gives p = exp(-inf) = 0.
      shared.lse[i] = i < existing ? arrays.lse[entry] : INFINITY;
      shared.delta[i] = i < existing ? arrays.delta[entry] : 0;
    }
    __syncthreads();
    for (int first = 0; warp_exists(tile) && first < existing; first += part) {
      Results<part> p, dlogit;
      add_product(p, k, shared.q, first);
      add_product(dlogit, v, shared.dout, first);  // dp so far
      ACCORD_UNROLL
      for (int i = 0; i < part / 2; ++i) {
        int const b = i / 4, e = i % 4, query = first + 8 * b + 2 * member() + e % 2;
        float& value = p.values[b][e];
        value = expf(value * plan.scale + bias_of_element(shared.bias, first, b, e) -
                     shared.lse[query]);
        dlogit.values[b][e] = value * (dlogit.values[b][e] - shared.delta[query]);
      }
      add_product(dv, p, shared.dout, first);
      add_product(dk, dlogit, shared.q, first);
    }
  }
  auto const dk_of = [&](Token const& t) { return arrays.gradient(plan, 1, t.row, head); };
  auto const dv_of = [&](Token const& t) { return arrays.gradient(plan, 2, t.row, head); };
  store(dk, row(0, dk_of), row(1, dk_of), plan.scale, plan.scale);
  store(dv, row(0, dv_of), row(1, dv_of), 1, 1);
}

/// A kernel over `blocks` blocks of each head.
template <class Shared>
void launch_by_head(Queue& queue, char const* name, void (*kernel)(DevicePlan, Arrays),
                    UploadedPlan const& plan, std::int64_t blocks, Arrays const& arrays) {
  std::size_t const tables = static_cast<std::size_t>(plan.device.entries) * sizeof(BFloat16);
  launch(queue, name, {blocks * plan.device.heads, threads, sizeof(Shared) + tables}, kernel,
         plan.device, arrays);
}

}  // namespace

bool fused_attention_takes(Index heads, std::initializer_list<ConstView> operands) {
  ConstView const qkv = *operands.begin();
  return qkv.dtype() == DType::bfloat16 && qkv.columns() == 3 * heads * head_dim &&
         std::all_of(operands.begin(), operands.end(), vectorizable);
}

void fused_attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                             std::span<PositionBias const> bias, View out, View lse) {
  UploadedPlan const uploaded(queue, attention_tiles(plan, tile_tokens, 1), plan, heads, head_dim,
                              bias);
  launch_by_head<QueriesShared>(
      queue, "attention_forward", forward_kernel, uploaded, uploaded.tiles,
      {Rows<BFloat16 const>(qkv), {}, {}, Rows<BFloat16>(out), lse.as<float>(), nullptr});
}

void fused_attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                              ConstView qkv, ConstView out, ConstView lse,
                              std::span<PositionBias const> bias, View dqkv) {
  UploadedPlan uploaded(
      queue, attention_tiles(plan, tile_tokens, TableGradients::most_blocks(heads, bias)), plan,
      heads, head_dim, bias);
  TableGradients tables(queue, bias, uploaded);
  Tensor delta(queue, DType::float32, {qkv.rows(), heads});
  Arrays const arrays{Rows<BFloat16 const>(qkv),           Rows<BFloat16 const>(out),
                      Rows<BFloat16 const>(dout),          Rows<BFloat16>(dqkv),
                      const_cast<float*>(lse.as<float>()), delta.view().as<float>()};
  launch_by_head<QueriesShared>(queue, "attention_backward_queries", queries_kernel, uploaded,
                                uploaded.blocks, arrays);
  tables.finish(queue);
  launch_by_head<KeysShared>(queue, "attention_backward_keys", keys_kernel, uploaded,
                             uploaded.tiles, arrays);
}

}  // namespace accord::cuda
