#include "core/eval/recall.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <unordered_map>
#include <vector>

#include "core/base/check.hpp"
#include "core/base/parallel_for.hpp"

namespace accord {
namespace {

// Candidates of a tile lie side by side (feature-major), so that one query meets a whole tile with
// vector instructions while each sum still runs over the features in order. Products of floats are
// exact in double, so a fused multiply-add gives the same bits.
constexpr Index tile_width = 64;

class Tiles {
 public:
  explicit Tiles(EmbeddingSet const& set) : count_(set.count()), dim_(set.dim) {
    values_.assign(static_cast<std::size_t>(tiles() * dim_ * tile_width), 0.0f);
    parallel_for(count_, 256, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i)
        for (Index d = 0; d < dim_; ++d)
          values_[static_cast<std::size_t>((i / tile_width * dim_ + d) * tile_width +
                                           i % tile_width)] =
              set.values[static_cast<std::size_t>(i * dim_ + d)];
    });
  }

  Index tiles() const { return (count_ + tile_width - 1) / tile_width; }
  Index width(Index tile) const { return std::min(tile_width, count_ - tile * tile_width); }

  /// similarity[j] = query . candidate (tile * tile_width + j)
  void similarities(float const* query, Index tile, double* similarity) const {
    std::fill_n(similarity, tile_width, 0.0);
    float const* column = values_.data() + tile * dim_ * tile_width;
    for (Index d = 0; d < dim_; ++d, column += tile_width) {
      double const q = query[d];
      for (Index j = 0; j < tile_width; ++j) similarity[j] += q * static_cast<double>(column[j]);
    }
  }

 private:
  Index count_, dim_;
  std::vector<float> values_;
};

struct Positive {
  double similarity = 0;
  Index index = 0;
};

double dot(float const* a, float const* b, Index dim) {
  double sum = 0;
  for (Index d = 0; d < dim; ++d) sum += static_cast<double>(a[d]) * static_cast<double>(b[d]);
  return sum;
}

void check_set(EmbeddingSet const& set, char const* which) {
  ACCORD_CHECK(static_cast<Index>(set.values.size()) == set.count() * set.dim,
               "{}: {} values for {} embeddings of {}", which, set.values.size(), set.count(),
               set.dim);
  for (std::size_t i = 0; i < set.values.size(); ++i)
    if (!std::isfinite(set.values[i]))
      throw DataError(
          fmt::format("{}: the embedding of item {} is not finite; nothing can be ranked by it",
                      which, static_cast<Index>(i) / set.dim));
}

}  // namespace

RecallHits& RecallHits::operator+=(RecallHits const& other) {
  at1 += other.at1;
  at5 += other.at5;
  at10 += other.at10;
  queries += other.queries;
  return *this;
}

Recall percent(RecallHits const& hits) {
  if (hits.queries == 0) return {};
  auto const of = [&](Index n) {
    return 100.0 * static_cast<double>(n) / static_cast<double>(hits.queries);
  };
  return {of(hits.at1), of(hits.at5), of(hits.at10)};
}

RecallHits recall_hits(EmbeddingSet const& queries, EmbeddingSet const& candidates) {
  check_set(queries, "queries");
  check_set(candidates, "candidates");
  ACCORD_CHECK(queries.dim == candidates.dim || queries.count() == 0 || candidates.count() == 0,
               "queries of {} against candidates of {}", queries.dim, candidates.dim);
  std::unordered_map<std::uint64_t, std::vector<Index>> of_owner;
  for (Index i = 0; i < candidates.count(); ++i)
    of_owner[candidates.owners[static_cast<std::size_t>(i)]].push_back(i);
  Tiles const tiles(candidates);

  std::atomic<Index> at1 = 0, at5 = 0, at10 = 0;
  parallel_for(queries.count(), 4, [&](Index begin, Index end) {
    // The best of a query's own candidates decides: it has rank 0 among them.
    std::vector<Positive> best;
    std::vector<float const*> query;
    for (Index i = begin; i < end; ++i) {
      auto const own = of_owner.find(queries.owners[static_cast<std::size_t>(i)]);
      if (own == of_owner.end()) continue;
      float const* values = queries.values.data() + i * queries.dim;
      Positive positive{-HUGE_VAL, 0};
      for (Index const c : own->second) {
        double const s = dot(values, candidates.values.data() + c * candidates.dim, queries.dim);
        if (s > positive.similarity)
          positive = {s, c};  // indices ascend: the first of equals stays
      }
      query.push_back(values);
      best.push_back(positive);
    }
    std::vector<Index> before(best.size(), 0);
    double similarity[tile_width];
    for (Index tile = 0; tile < tiles.tiles(); ++tile)
      for (std::size_t q = 0; q < best.size(); ++q) {
        tiles.similarities(query[q], tile, similarity);
        for (Index j = 0; j < tiles.width(tile); ++j)
          before[q] +=
              similarity[j] > best[q].similarity ||
              (similarity[j] == best[q].similarity && tile * tile_width + j < best[q].index);
      }
    for (Index const rank : before) {
      at1 += rank < 1;
      at5 += rank < 5;
      at10 += rank < 10;
    }
  });
  return {at1, at5, at10, queries.count()};
}

Recall chance_recall(std::span<std::uint64_t const> query_owners,
                     std::span<std::uint64_t const> candidate_owners) {
  std::unordered_map<std::uint64_t, Index> own;
  for (std::uint64_t const owner : candidate_owners) ++own[owner];
  auto const n = static_cast<double>(candidate_owners.size());
  auto const mean = [&](int k) {
    double sum = 0;
    for (std::uint64_t const owner : query_owners) {
      auto const found = own.find(owner);
      double const p = found == own.end() ? 0 : static_cast<double>(found->second);
      double all_wrong = 1;  // the first k, one after another, are none of the p
      for (int i = 0; i < k && i < n; ++i) all_wrong *= std::max(n - p - i, 0.0) / (n - i);
      sum += 1 - all_wrong;
    }
    return query_owners.empty() ? 0 : 100 * sum / static_cast<double>(query_owners.size());
  };
  return {mean(1), mean(5), mean(10)};
}

}  // namespace accord
