#include "core/ops/attention.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/cpu/small_gemm.hpp"

namespace accord::cpu {
namespace {

constexpr Index query_block = 96;  // rows of logits at once: 96 x 257 floats stay in a core's cache

/// A contiguous range of sequences. The partition depends on the plan alone, so that sums over
/// sequences do not depend on the number of threads.
struct Chunk {
  Index begin, end;
};

Index length_of(AttentionPlan const& plan, Index sequence) {
  Index length = 0;
  for (Index i = plan.sequences[sequence]; i < plan.sequences[sequence + 1]; ++i)
    length += plan.segments[i].length;
  return length;
}

std::vector<Chunk> chunks_of(AttentionPlan const& plan) {
  constexpr Index most = 16;
  Index const count = plan.sequence_count();
  double total = 0;
  for (Index s = 0; s < count; ++s) total += std::pow(static_cast<double>(length_of(plan, s)), 2);
  std::vector<Chunk> chunks;
  double done = 0;
  for (Index s = 0, begin = 0; s < count; ++s) {
    done += std::pow(static_cast<double>(length_of(plan, s)), 2);
    if (s + 1 == count || done * most >= total * static_cast<double>(chunks.size() + 1)) {
      chunks.push_back({begin, s + 1});
      begin = s + 1;
    }
  }
  return chunks;
}

/// The bias tables with each head's entries side by side, and which entry a pair of rows takes.
template <class T>
class Bias {
 public:
  Bias(Queue& queue, AttentionPlan const& plan, Index heads, std::span<PositionBias const> bias)
      : bias_(bias) {
    offsets_.push_back(0);
    for (PositionBias const& b : bias)
      offsets_.push_back(offsets_.back() + (b.table ? b.table.rows() : 0));
    if (entries() == 0) return;
    positions_ = plan.positions.view().template as<std::int32_t>();
    values_ = Tensor(queue, dtype_of<T>, {heads, entries()});
    for (std::size_t m = 0; m < bias.size(); ++m)
      for (Index e = 0; e < offsets_[m + 1] - offsets_[m]; ++e)
        for (Index h = 0; h < heads; ++h)
          values_.view().as<T>()[h * entries() + offsets_[m] + e] =
              bias[m].table.template as<T>()[e * bias[m].table.stride() + h];
  }

  Index entries() const { return offsets_.back(); }  ///< of all modalities
  bool wants_gradient() const {
    return std::any_of(bias_.begin(), bias_.end(),
                       [](PositionBias const& b) { return b.table && b.dtable; });
  }

  /// For rows [begin, end) of a sequence's logits, calls visit(i - begin, column, entries, values):
  /// from `column` on, the next entries.size() columns take these rows of the head's `values`.
  template <class Visit>
  void for_each_run(std::span<AttentionSegment const> segments, Index begin, Index end,
                    Visit&& visit) const {
    if (entries() == 0) return;
    Index row = 0;
    for (AttentionSegment const& a : segments) {
      Index const first = std::max(begin, row), last = std::min(end, row + a.length);
      if (first < last && has_bias(a.modality)) {
        ConstView const bucket = bias_[a.modality].bucket;
        Index column = 0;
        for (AttentionSegment const& b : segments) {
          if (b.modality == a.modality)
            for (Index i = first; i < last; ++i)
              visit(i - begin, column, b.length,
                    bucket.as<std::int32_t>() + positions_[a.row + i - row] * bucket.stride(),
                    positions_ + b.row, a.modality);
          column += b.length;
        }
      }
      row += a.length;
    }
  }

  void add(Index head, std::span<AttentionSegment const> segments, Index begin, Index end,
           Block<T> logits) const {
    for_each_run(segments, begin, end,
                 [&](Index i, Index column, Index count, std::int32_t const* buckets,
                     std::int32_t const* positions, int modality) {
                   T const* values =
                       values_.view().template as<T>() + head * entries() + offsets_[modality];
                   T* to = logits.data + i * logits.stride + column;
                   for (Index j = 0; j < count; ++j) to[j] += values[buckets[positions[j]]];
                 });
  }

  /// histogram [entries] += the gradients of the logits
  void add_gradient(std::span<AttentionSegment const> segments, Index begin, Index end,
                    Block<T const> dlogits, T* histogram) const {
    for_each_run(segments, begin, end,
                 [&](Index i, Index column, Index count, std::int32_t const* buckets,
                     std::int32_t const* positions, int modality) {
                   T* to = histogram + offsets_[modality];
                   T const* from = dlogits.data + i * dlogits.stride + column;
                   for (Index j = 0; j < count; ++j) to[buckets[positions[j]]] += from[j];
                 });
  }

  /// Adds the histograms [chunks, heads, entries] to the tables' gradients, chunk after chunk.
  void reduce(Index chunks, Index heads, T const* histograms) const {
    for (std::size_t m = 0; m < bias_.size(); ++m) {
      if (!bias_[m].table || !bias_[m].dtable) continue;
      View const dtable = bias_[m].dtable;
      for (Index e = 0; e < dtable.rows(); ++e)
        for (Index h = 0; h < heads; ++h) {
          T sum = 0;
          for (Index c = 0; c < chunks; ++c)
            sum += histograms[(c * heads + h) * entries() + offsets_[m] + e];
          dtable.as<T>()[e * dtable.stride() + h] += sum;
        }
    }
  }

 private:
  bool has_bias(int modality) const {
    return modality < static_cast<int>(bias_.size()) && bias_[modality].table;
  }

  std::span<PositionBias const> bias_;
  std::vector<Index> offsets_;
  std::int32_t const* positions_ = nullptr;
  Tensor values_;
};

/// One sequence of a call, as one thread works on it.
class Sequence {
 public:
  Sequence(AttentionPlan const& plan, Index index)
      : segments_(plan.segments.data() + plan.sequences[index],
                  static_cast<std::size_t>(plan.sequences[index + 1] - plan.sequences[index])) {
    for (AttentionSegment const& s : segments_) {
      if (length_ == 0) first_row_ = s.row;
      consecutive_ &= s.length == 0 || s.row == first_row_ + length_;
      length_ += s.length;
    }
  }
  Index length() const { return length_; }
  std::span<AttentionSegment const> segments() const { return segments_; }

  /// Columns [column, column + width) of the sequence's rows: in place where they are consecutive,
  /// else gathered into scratch.
  template <class T>
  Block<T const> read(ConstView view, Index column, Index width, T* scratch) const {
    T const* data = view.as<T>() + column;
    if (consecutive_) return {data + first_row_ * view.stride(), view.stride()};
    T* to = scratch;
    for (AttentionSegment const& s : segments_)
      for (Index i = 0; i < s.length; ++i, to += width)
        std::copy_n(data + (s.row + i) * view.stride(), width, to);
    return {scratch, width};
  }
  /// Where to write such columns; scatter() then brings them home.
  template <class T>
  Block<T> target(View view, Index column, Index width, T* scratch) const {
    if (!consecutive_) return {scratch, width};
    return {view.as<T>() + column + first_row_ * view.stride(), view.stride()};
  }
  template <class T>
  void scatter(Block<T const> block, View view, Index column, Index width) const {
    if (consecutive_) return;
    T const* from = block.data;
    for (AttentionSegment const& s : segments_)
      for (Index i = 0; i < s.length; ++i, from += width)
        std::copy_n(from, width, view.as<T>() + column + (s.row + i) * view.stride());
  }
  template <class Visit>
  void for_each_row(Index begin, Index end, Visit&& visit) const {
    Index index = 0;
    for (AttentionSegment const& s : segments_) {
      for (Index i = std::max(begin, index); i < std::min(end, index + s.length); ++i)
        visit(i - begin, s.row + i - index);
      index += s.length;
    }
  }

 private:
  std::span<AttentionSegment const> segments_;
  Index length_ = 0, first_row_ = 0;
  bool consecutive_ = true;
};

/// Runs body(chunk index, chunk, head, scratch) for every chunk and head; `scratch` is `size`
/// elements of the running thread.
template <class T, class Body>
void for_each_chunk_and_head(Queue& queue, std::vector<Chunk> const& chunks, Index heads,
                             Index size, Body&& body) {
  Index const items = static_cast<Index>(chunks.size()) * heads;
  int const threads = static_cast<int>(std::clamp<Index>(
      omp_in_parallel() ? 1 : omp_get_max_threads(), 1, std::max<Index>(items, 1)));
  Tensor scratch(queue, dtype_of<T>, {threads, size});
  SerialBlas const serial;
#pragma omp parallel for num_threads(threads) schedule(dynamic)
  for (Index item = 0; item < items; ++item)
    body(item / heads, chunks[item / heads], item % heads,
         scratch.view().as<T>() + omp_get_thread_num() * size);
}

Index longest(AttentionPlan const& plan) {
  Index length = 0;
  for (Index s = 0; s < plan.sequence_count(); ++s) length = std::max(length, length_of(plan, s));
  return length;
}

/// Logits of query rows [begin, end), biased, -inf for keys nobody attends to.
template <class T>
void logits_of(AttentionPlan const& plan, Bias<T> const& bias, Sequence const& sequence, Index head,
               Index head_dim, Index begin, Index end, Block<T const> q, Block<T const> k,
               Block<T> logits) {
  Index const n = sequence.length();
  small_gemm<T>(Transpose::no, Transpose::yes, end - begin, n, head_dim,
                T(1) / std::sqrt(static_cast<T>(head_dim)), q.rows(begin), k, 0, logits);
  bias.add(head, sequence.segments(), begin, end, logits);
  if (!plan.keys) return;
  std::uint8_t const* keys = plan.keys.view().as<std::uint8_t>();
  sequence.for_each_row(0, n, [&](Index column, Index row) {
    if (keys[row]) return;
    for (Index i = 0; i < end - begin; ++i)
      logits.data[i * logits.stride + column] = -std::numeric_limits<T>::infinity();
  });
}

}  // namespace

template <class T>
void attention_forward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView qkv,
                       std::span<PositionBias const> bias_tables, DenseBias const*, View out,
                       View lse) {
  Index const head_dim = qkv.columns() / (3 * heads), n_max = longest(plan);
  Index const rows = std::min(query_block, n_max);
  Bias<T> const bias(queue, plan, heads, bias_tables);
  for_each_chunk_and_head<T>(
      queue, chunks_of(plan), heads, rows * (n_max + 1) + 4 * n_max * head_dim,
      [&](Index, Chunk chunk, Index head, T* scratch) {
        T* const inverse_sum = scratch + rows * n_max;
        T* const gathered = inverse_sum + rows;
        for (Index s = chunk.begin; s < chunk.end; ++s) {
          Sequence const sequence(plan, s);
          Index const n = sequence.length();
          auto const part = [&](Index p) {
            return sequence.read<T>(qkv, (p * heads + head) * head_dim, head_dim,
                                    gathered + p * n_max * head_dim);
          };
          Block<T const> const q = part(0), k = part(1), v = part(2);
          Block<T> const o =
              sequence.target<T>(out, head * head_dim, head_dim, gathered + 3 * n_max * head_dim);
          Block<T> const p{scratch, n};
          for (Index begin = 0; begin < n; begin += rows) {
            Index const end = std::min(n, begin + rows);
            logits_of(plan, bias, sequence, head, head_dim, begin, end, q, k, p);
            sequence.for_each_row(begin, end, [&](Index i, Index row) {
              T* const x = p.data + i * n;
              T max = x[0], sum = 0;
              for (Index j = 1; j < n; ++j) max = std::max(max, x[j]);
              for (Index j = 0; j < n; ++j) sum += x[j] = std::exp(x[j] - max);
              inverse_sum[i] = 1 / sum;
              lse.as<T>()[row * heads + head] = max + std::log(sum);
            });
            Block<T> const to = o.rows(begin);
            small_gemm<T>(Transpose::no, Transpose::no, end - begin, head_dim, n, 1,
                          {p.data, p.stride}, v, 0, to);
            for (Index i = 0; i < end - begin; ++i)
              for (Index c = 0; c < head_dim; ++c) to.data[i * to.stride + c] *= inverse_sum[i];
          }
          sequence.scatter<T>({o.data, o.stride}, out, head * head_dim, head_dim);
        }
      });
}

template <class T>
void attention_backward(Queue& queue, AttentionPlan const& plan, Index heads, ConstView dout,
                        ConstView qkv, ConstView out, ConstView lse,
                        std::span<PositionBias const> bias_tables, DenseBias const*, View dqkv) {
  Index const head_dim = qkv.columns() / (3 * heads), n_max = longest(plan);
  Index const rows = std::min(query_block, n_max), part_size = n_max * head_dim;
  Bias<T> const bias(queue, plan, heads, bias_tables);
  std::vector<Chunk> const chunks = chunks_of(plan);
  Tensor histograms;
  if (bias.wants_gradient())
    histograms = Tensor::zeros(queue, dtype_of<T>,
                               {static_cast<Index>(chunks.size()), heads, bias.entries()});
  T const scale = T(1) / std::sqrt(static_cast<T>(head_dim));

  for_each_chunk_and_head<T>(
      queue, chunks, heads, 2 * rows * n_max + 8 * part_size,
      [&](Index chunk_index, Chunk chunk, Index head, T* scratch) {
        T* const gathered = scratch + 2 * rows * n_max;
        for (Index s = chunk.begin; s < chunk.end; ++s) {
          Sequence const sequence(plan, s);
          Index const n = sequence.length();
          auto const column = [&](Index p) { return (p * heads + head) * head_dim; };
          auto const part = [&](Index p) {
            return sequence.read<T>(qkv, column(p), head_dim, gathered + p * part_size);
          };
          Block<T const> const q = part(0), k = part(1), v = part(2);
          Block<T const> const o =
              sequence.read<T>(out, column(0), head_dim, gathered + 3 * part_size);
          Block<T const> const go =
              sequence.read<T>(dout, column(0), head_dim, gathered + 4 * part_size);
          auto const gradient = [&](Index p) {
            return sequence.target<T>(dqkv, column(p), head_dim, gathered + (5 + p) * part_size);
          };
          Block<T> const dq = gradient(0), dk = gradient(1), dv = gradient(2);
          Block<T> const p{scratch, n}, ds{scratch + rows * n_max, n};
          for (Index begin = 0; begin < n; begin += rows) {
            Index const end = std::min(n, begin + rows), m = end - begin;
            T const keep = begin == 0 ? T(0) : T(1);
            logits_of(plan, bias, sequence, head, head_dim, begin, end, q, k, p);
            small_gemm<T>(Transpose::no, Transpose::yes, m, n, head_dim, 1, go.rows(begin), v, 0,
                          ds);
            sequence.for_each_row(begin, end, [&](Index i, Index row) {
              T const* const a = go.data + (begin + i) * go.stride;
              T const* const b = o.data + (begin + i) * o.stride;
              T mean = 0;  // sum_j p_j dp_j = dout . out
              for (Index c = 0; c < head_dim; ++c) mean += a[c] * b[c];
              T const log_sum = lse.as<T>()[row * heads + head];
              T* const x = p.data + i * n;
              T* const d = ds.data + i * n;
              for (Index j = 0; j < n; ++j) {
                x[j] = std::exp(x[j] - log_sum);
                d[j] = x[j] * (d[j] - mean);
              }
            });
            Block<T const> const probabilities{p.data, n}, dlogits{ds.data, n};
            if (histograms)
              bias.add_gradient(
                  sequence.segments(), begin, end, dlogits,
                  histograms.view().as<T>() + (chunk_index * heads + head) * bias.entries());
            small_gemm<T>(Transpose::yes, Transpose::no, n, head_dim, m, 1, probabilities,
                          go.rows(begin), keep, dv);
            small_gemm<T>(Transpose::yes, Transpose::no, n, head_dim, m, scale, dlogits,
                          q.rows(begin), keep, dk);
            small_gemm<T>(Transpose::no, Transpose::no, m, head_dim, n, scale, dlogits, k, 0,
                          dq.rows(begin));
          }
          sequence.scatter<T>({dq.data, dq.stride}, dqkv, column(0), head_dim);
          sequence.scatter<T>({dk.data, dk.stride}, dqkv, column(1), head_dim);
          sequence.scatter<T>({dv.data, dv.stride}, dqkv, column(2), head_dim);
        }
      });
  if (histograms) bias.reduce(static_cast<Index>(chunks.size()), heads, histograms.view().as<T>());
}

#define ACCORD_INSTANTIATE(T)                                                                      \
  template void attention_forward<T>(Queue&, AttentionPlan const&, Index, ConstView,               \
                                     std::span<PositionBias const>, DenseBias const*, View, View); \
  template void attention_backward<T>(Queue&, AttentionPlan const&, Index, ConstView, ConstView,   \
                                      ConstView, ConstView, std::span<PositionBias const>,         \
                                      DenseBias const*, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cpu
