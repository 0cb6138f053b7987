#include "core/ops/attention.hpp"

#include <omp.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/ops/cpu/blas.hpp"
#include "core/ops/cpu/math.hpp"

namespace accord::cpu {
namespace {

constexpr Index query_block = 96;  // rows of logits at once: 96 x 257 floats stay in a core's cache

// Longer sequences take their biases from the table: their matrix would not fit a core's cache.
constexpr Index longest_shared = 512;

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

std::vector<Chunk> chunks_of(AttentionPlan const& plan, Index heads) {
  // Enough (chunk, head) pairs to keep many threads busy, and long chunks, to share work in them.
  double const most = static_cast<double>(std::clamp<Index>(64 / heads, 1, 8));
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

/// The bias tables with each head's entries side by side.
template <class T>
class Bias {
 public:
  Bias(Queue& queue, AttentionPlan const& plan, Index heads, std::span<PositionBias const> bias)
      : plan_(plan), bias_(bias) {
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
    widths_.assign(bias.size(), 0);
    for (AttentionSegment const& s : plan.segments) {
      std::int32_t const* const p = positions_ + s.row;
      Index i = 0;
      while (i < s.length && p[i] == i) ++i;
      whole_.push_back(i == s.length && s.length <= longest_shared);
      if (whole_.back() && has_bias(s.modality.index()))
        widths_[s.modality.index()] = std::max(widths_[s.modality.index()], s.length);
    }
  }

  Index entries() const { return offsets_.back(); }  ///< of all modalities
  bool wants_gradient() const {
    return std::any_of(bias_.begin(), bias_.end(),
                       [](PositionBias const& b) { return b.table && b.dtable; });
  }
  /// Elements of one matrix of positions by positions per modality.
  Index square_size() const {
    Index size = 0;
    for (Index const width : widths_) size += width * width;
    return size;
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

  class OfHead;

 private:
  bool has_bias(std::size_t modality) const {
    return modality < bias_.size() && bias_[modality].table;
  }

  AttentionPlan const& plan_;
  std::span<PositionBias const> bias_;
  std::vector<Index> offsets_;
  std::int32_t const* positions_ = nullptr;
  Tensor values_;
  std::vector<Index> widths_;        // by modality: the longest whole segment
  std::vector<std::uint8_t> whole_;  // by segment: its positions are 0, 1, 2, ...
};

/// The bias of one head for the sequences of one chunk. Whole sequences (all but the masked ones)
/// share one matrix of positions by positions, so each of their rows is a plain vector add, and
/// their gradients are summed in one such matrix before they are counted by table entry.
template <class T>
class Bias<T>::OfHead {
 public:
  /// `squares`: square_size() elements of scratch, twice with a gradient. `histogram` [entries]
  /// receives the gradient; null: none.
  OfHead(Bias const& all, Chunk chunk, Index head, T* squares, T* histogram)
      : all_(all), histogram_(histogram), squares_(all.widths_.size(), nullptr) {
    if (all.entries() == 0) return;
    values_ = all.values_.view().template as<T>() + head * all.entries();
    Index const size = all.square_size();
    if (histogram) std::fill_n(squares + size, size, T(0));
    std::vector<Index> uses(all.widths_.size(), 0);
    for (Index s = all.plan_.sequences[chunk.begin]; s < all.plan_.sequences[chunk.end]; ++s)
      if (all.whole_[s] && all.has_bias(all.plan_.segments[s].modality.index()))
        uses[all.plan_.segments[s].modality.index()] += all.plan_.segments[s].length;
    dsquares_ = squares_;
    for (std::size_t m = 0; m < uses.size(); ++m) {
      Index const width = all.widths_[m];
      if (uses[m] >= 2 * width && width > 0) {
        squares_[m] = squares;
        if (histogram) dsquares_[m] = squares + size;
        T const* const values = values_ + all.offsets_[m];
        for (Index i = 0; i < width; ++i) {
          std::int32_t const* const entries = bucket(m, i);
          for (Index j = 0; j < width; ++j) squares[i * width + j] = values[entries[j]];
        }
      }
      squares += width * width;
    }
  }

  /// logits [end - begin, length] += the bias of rows [begin, end) of a sequence
  void add(Index sequence, Index begin, Index end, Block<T> logits) const {
    for_each_run(sequence, begin, end, [&](std::size_t m, Index i, Index column, Run run) {
      T* const to = logits.data + i * logits.stride + column;
      if (run.square_row >= 0) {
        T const* const from = squares_[m] + run.square_row;
#pragma omp simd
        for (Index j = 0; j < run.length; ++j) to[j] += from[j];
      } else {
        T const* const values = values_ + all_.offsets_[m];
#pragma omp simd
        for (Index j = 0; j < run.length; ++j) to[j] += values[run.bucket[run.positions[j]]];
      }
    });
  }
  void add_gradient(Index sequence, Index begin, Index end, Block<T const> dlogits) {
    if (!histogram_) return;
    for_each_run(sequence, begin, end, [&](std::size_t m, Index i, Index column, Run run) {
      T const* const from = dlogits.data + i * dlogits.stride + column;
      if (run.square_row >= 0) {
        T* const to = dsquares_[m] + run.square_row;
#pragma omp simd
        for (Index j = 0; j < run.length; ++j) to[j] += from[j];
      } else {
        T* const to = histogram_ + all_.offsets_[m];
        for (Index j = 0; j < run.length; ++j) to[run.bucket[run.positions[j]]] += from[j];
      }
    });
  }
  /// After the last sequence: completes the histogram.
  void finish_gradient() {
    if (!histogram_) return;
    for (std::size_t m = 0; m < dsquares_.size(); ++m) {
      if (!dsquares_[m]) continue;
      Index const width = all_.widths_[m];
      T* const to = histogram_ + all_.offsets_[m];
      for (Index i = 0; i < width; ++i) {
        std::int32_t const* const entries = bucket(m, i);
        T const* const from = dsquares_[m] + i * width;
        for (Index j = 0; j < width; ++j) to[entries[j]] += from[j];
      }
    }
  }

 private:
  /// Consecutive columns of one row of logits that have a bias: from the shared matrix, beginning
  /// at this element, or, if that is negative, from the table.
  struct Run {
    Index length, square_row;
    std::int32_t const *bucket, *positions;
  };

  std::int32_t const* bucket(std::size_t modality, Index position) const {
    ConstView const map = all_.bias_[modality].bucket;
    return map.as<std::int32_t>() + position * map.stride();
  }
  template <class Visit>
  void for_each_run(Index sequence, Index begin, Index end, Visit&& visit) const {
    if (all_.entries() == 0) return;
    AttentionPlan const& plan = all_.plan_;
    Index const first = plan.sequences[sequence], last = plan.sequences[sequence + 1];
    Index row = 0;
    for (Index a = first; a < last; ++a) {
      AttentionSegment const& queries = plan.segments[a];
      std::size_t const m = queries.modality.index();
      Index const from = std::max(begin, row), to = std::min(end, row + queries.length);
      if (from < to && all_.has_bias(m)) {
        Index column = 0;
        for (Index b = first; b < last; ++b) {
          AttentionSegment const& keys = plan.segments[b];
          bool const square = squares_[m] && all_.whole_[a] && all_.whole_[b];
          if (keys.modality == queries.modality)
            for (Index i = from; i < to; ++i) {
              Index const position = all_.positions_[queries.row + i - row];
              visit(m, i - begin, column,
                    Run{keys.length, square ? position * all_.widths_[m] : -1, bucket(m, position),
                        all_.positions_ + keys.row});
            }
          column += keys.length;
        }
      }
      row += queries.length;
    }
  }

  Bias const& all_;
  T const* values_ = nullptr;
  T* histogram_;
  std::vector<T*> squares_, dsquares_;  // by modality; null: entry by entry
};

/// One sequence of a call, as one thread works on it.
class Sequence {
 public:
  Sequence(AttentionPlan const& plan, Index index)
      : index_(index),
        segments_(plan.segments.data() + plan.sequences[index],
                  static_cast<std::size_t>(plan.sequences[index + 1] - plan.sequences[index])) {
    for (AttentionSegment const& s : segments_) {
      if (length_ == 0) first_row_ = s.row;
      consecutive_ &= s.length == 0 || s.row == first_row_ + length_;
      length_ += s.length;
    }
  }
  Index index() const { return index_; }
  Index length() const { return length_; }

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
  Index index_;
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
void logits_of(AttentionPlan const& plan, typename Bias<T>::OfHead const& bias,
               Sequence const& sequence, Index head_dim, Index begin, Index end, Block<T const> q,
               Block<T const> k, Block<T> logits) {
  Index const n = sequence.length();
  blas_gemm<T>(Transpose::no, Transpose::yes, end - begin, n, head_dim,
               T(1) / std::sqrt(static_cast<T>(head_dim)), q.rows(begin), k, 0, logits);
  bias.add(sequence.index(), begin, end, logits);
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
                       std::span<PositionBias const> bias_tables, View out, View lse) {
  Index const head_dim = qkv.columns() / (3 * heads), n_max = longest(plan);
  Index const rows = std::min(query_block, n_max);
  Bias<T> const bias(queue, plan, heads, bias_tables);
  for_each_chunk_and_head<T>(
      queue, chunks_of(plan, heads), heads,
      rows * (n_max + 1) + 4 * n_max * head_dim + bias.square_size(),
      [&](Index, Chunk chunk, Index head, T* scratch) {
        T* const inverse_sum = scratch + rows * n_max;
        T* const gathered = inverse_sum + rows;
        typename Bias<T>::OfHead const head_bias(bias, chunk, head, gathered + 4 * n_max * head_dim,
                                                 nullptr);
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
            logits_of<T>(plan, head_bias, sequence, head_dim, begin, end, q, k, p);
            sequence.for_each_row(begin, end, [&](Index i, Index row) {
              T* const x = p.data + i * n;
              T max = x[0], sum = 0;
#pragma omp simd reduction(max : max)
              for (Index j = 0; j < n; ++j) max = x[j] > max ? x[j] : max;
#pragma omp simd reduction(+ : sum)
              for (Index j = 0; j < n; ++j) sum += x[j] = fast_exp(x[j] - max);
              inverse_sum[i] = 1 / sum;
              lse.as<T>()[row * heads + head] = max + std::log(sum);
            });
            Block<T> const to = o.rows(begin);
            blas_gemm<T>(Transpose::no, Transpose::no, end - begin, head_dim, n, 1,
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
                        std::span<PositionBias const> bias_tables, View dqkv) {
  Index const head_dim = qkv.columns() / (3 * heads), n_max = longest(plan);
  Index const rows = std::min(query_block, n_max), part_size = n_max * head_dim;
  Bias<T> const bias(queue, plan, heads, bias_tables);
  std::vector<Chunk> const chunks = chunks_of(plan, heads);
  Tensor histograms;
  if (bias.wants_gradient())
    histograms = Tensor::zeros(queue, dtype_of<T>,
                               {static_cast<Index>(chunks.size()), heads, bias.entries()});
  T const scale = T(1) / std::sqrt(static_cast<T>(head_dim));

  for_each_chunk_and_head<T>(
      queue, chunks, heads, 2 * rows * n_max + 8 * part_size + 2 * bias.square_size(),
      [&](Index chunk_index, Chunk chunk, Index head, T* scratch) {
        T* const gathered = scratch + 2 * rows * n_max;
        T* const histogram =
            histograms ? histograms.view().as<T>() + (chunk_index * heads + head) * bias.entries()
                       : nullptr;
        typename Bias<T>::OfHead head_bias(bias, chunk, head, gathered + 8 * part_size, histogram);
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
            logits_of<T>(plan, head_bias, sequence, head_dim, begin, end, q, k, p);
            blas_gemm<T>(Transpose::no, Transpose::yes, m, n, head_dim, 1, go.rows(begin), v, 0,
                         ds);
            sequence.for_each_row(begin, end, [&](Index i, Index row) {
              T const* const a = go.data + (begin + i) * go.stride;
              T const* const b = o.data + (begin + i) * o.stride;
              T mean = 0;  // sum_j p_j dp_j = dout . out
#pragma omp simd reduction(+ : mean)
              for (Index c = 0; c < head_dim; ++c) mean += a[c] * b[c];
              T const log_sum = lse.as<T>()[row * heads + head];
              T* const x = p.data + i * n;
              T* const d = ds.data + i * n;
#pragma omp simd
              for (Index j = 0; j < n; ++j) {
                x[j] = fast_exp(x[j] - log_sum);
                d[j] = x[j] * (d[j] - mean);
              }
            });
            Block<T const> const probabilities{p.data, n}, dlogits{ds.data, n};
            head_bias.add_gradient(s, begin, end, dlogits);
            blas_gemm<T>(Transpose::yes, Transpose::no, n, head_dim, m, 1, probabilities,
                         go.rows(begin), keep, dv);
            blas_gemm<T>(Transpose::yes, Transpose::no, n, head_dim, m, scale, dlogits,
                         q.rows(begin), keep, dk);
            blas_gemm<T>(Transpose::no, Transpose::no, m, head_dim, n, scale, dlogits, k, 0,
                         dq.rows(begin));
          }
          sequence.scatter<T>({dq.data, dq.stride}, dqkv, column(0), head_dim);
          sequence.scatter<T>({dk.data, dk.stride}, dqkv, column(1), head_dim);
          sequence.scatter<T>({dv.data, dv.stride}, dqkv, column(2), head_dim);
        }
        head_bias.finish_gradient();
      });
  if (histograms) bias.reduce(static_cast<Index>(chunks.size()), heads, histograms.view().as<T>());
}

#define ACCORD_INSTANTIATE(T)                                                                    \
  template void attention_forward<T>(Queue&, AttentionPlan const&, Index, ConstView,             \
                                     std::span<PositionBias const>, View, View);                 \
  template void attention_backward<T>(Queue&, AttentionPlan const&, Index, ConstView, ConstView, \
                                      ConstView, ConstView, std::span<PositionBias const>, View);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
#undef ACCORD_INSTANTIATE

}  // namespace accord::cpu
