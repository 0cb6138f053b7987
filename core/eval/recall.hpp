#pragma once
// Retrieval: how often one of the right candidates is among the first 1, 5 or 10
// (docs/model.md 5.1).

#include <cstdint>
#include <span>

#include "core/base/dtype.hpp"

namespace accord {

/// Unit-norm embeddings of one modality, item after item, and whose they are. A caption and a
/// picture belong together when their owners are equal; an owner may have several of each (five
/// captions per picture, a class of clips).
struct EmbeddingSet {
  std::span<float const> values;  ///< [count * dim]
  Index dim = 0;
  std::span<std::uint64_t const> owners;  ///< [count]

  Index count() const { return static_cast<Index>(owners.size()); }
};

/// Queries that found one of their own among the first k candidates. Sums over disjoint sets of
/// queries.
struct RecallHits {
  Index at1 = 0, at5 = 0, at10 = 0;
  Index queries = 0;

  RecallHits& operator+=(RecallHits const& other);
  friend bool operator==(RecallHits const&, RecallHits const&) = default;
};

/// Percent; 0 when there are no queries.
struct Recall {
  double r1 = 0, r5 = 0, r10 = 0;
};
Recall percent(RecallHits const& hits);

/// Ranks all candidates for each query. The similarity is the dot product in float64 of the float32
/// embeddings, accumulated in index order; a candidate's rank is the number of candidates with a
/// strictly larger similarity plus those with an equal one and a smaller index. So the counts do
/// not depend on how the work is cut up. A query whose owner has no candidate is a miss; with fewer
/// than k candidates the first k are all of them. The matrix of similarities is never held. \throws
/// DataError when an embedding is not finite.
RecallHits recall_hits(EmbeddingSet const& queries, EmbeddingSet const& candidates);

/// What recall_hits() would give on average if the similarities were random: the mean over queries
/// of 1 - C(n - p, k) / C(n, k), with n candidates of which p are the query's own.
Recall chance_recall(std::span<std::uint64_t const> query_owners,
                     std::span<std::uint64_t const> candidate_owners);

}  // namespace accord
