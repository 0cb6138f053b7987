#include "core/eval/recall.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/rng.hpp"

using namespace accord;

namespace {

struct Set {
  std::vector<float> values;
  std::vector<std::uint64_t> owners;
  Index dim = 0;
  operator EmbeddingSet() const { return {values, dim, owners}; }
};

/// Coarse values, so that equal similarities are frequent and exact.
Set coarse_set(Index count, Index dim, std::uint32_t owners, std::uint32_t seed) {
  Draws const draws(seed, Purpose::init);
  Set set{{}, {}, dim};
  for (Index i = 0; i < count; ++i) {
    set.owners.push_back(draws.below(owners, static_cast<std::uint64_t>(i), 1, 0));
    for (Index d = 0; d < dim; ++d)
      set.values.push_back(static_cast<float>(draws.below(3, static_cast<std::uint64_t>(i), 2,
                                                          static_cast<std::uint32_t>(d))) -
                           1.0f);
  }
  return set;
}

/// The definition: sort all candidates by (similarity descending, index ascending) and look.
RecallHits by_sorting(Set const& queries, Set const& candidates) {
  RecallHits hits;
  std::size_t const n = candidates.owners.size(), dim = static_cast<std::size_t>(queries.dim);
  for (std::size_t q = 0; q < queries.owners.size(); ++q) {
    std::vector<double> similarity(n, 0.0);
    for (std::size_t c = 0; c < n; ++c)
      for (std::size_t d = 0; d < dim; ++d)
        similarity[c] +=
            double{queries.values[q * dim + d]} * double{candidates.values[c * dim + d]};
    std::vector<std::size_t> order(n);
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return similarity[a] > similarity[b]; });
    auto const found = [&](std::size_t k) {
      return std::any_of(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(std::min(k, n)),
                         [&](std::size_t c) { return candidates.owners[c] == queries.owners[q]; });
    };
    hits += {found(1), found(5), found(10), 1};
  }
  return hits;
}

}  // namespace

TEST(Recall, EqualsSortingWhateverTheTies) {
  for (std::uint32_t seed : {1u, 2u, 3u}) {
    Set const queries = coarse_set(150, 6, 40, seed),
              candidates = coarse_set(201, 6, 50, seed + 10);
    EXPECT_EQ(recall_hits(queries, candidates), by_sorting(queries, candidates));
    EXPECT_EQ(recall_hits(candidates, queries), by_sorting(candidates, queries));
  }
}

TEST(Recall, AmongEqualSimilaritiesTheSmallerIndexComesFirst) {
  Set const query{{1, 0}, {7}, 2};
  Set const right_first{{1, 0, 1, 0}, {7, 8}, 2}, wrong_first{{1, 0, 1, 0}, {8, 7}, 2};
  EXPECT_EQ(recall_hits(query, right_first), (RecallHits{1, 1, 1, 1}));
  EXPECT_EQ(recall_hits(query, wrong_first), (RecallHits{0, 1, 1, 1}));
  // Five ties before it: rank 5, so not among the first five.
  Set const five_before{std::vector<float>(12, 1.0f), {1, 2, 3, 4, 5, 7}, 2};
  EXPECT_EQ(recall_hits(query, five_before), (RecallHits{0, 0, 1, 1}));
}

TEST(Recall, SimilaritiesAreNotRoundedToFloat) {
  // 1 + 2^-30 exceeds 1 in double and not in float.
  Set const query{{1, 1}, {1}, 2};
  Set const candidates{{1, 0, 1, std::ldexp(1.0f, -30)}, {9, 1}, 2};
  EXPECT_EQ(recall_hits(query, candidates).at1, 1);
}

TEST(Recall, AnyOfSeveralCaptionsCounts) {
  Set const picture{{1, 0}, {3}, 2};
  Set const captions{{0, 1, 0.5f, 0, 1, 0}, {3, 4, 3}, 2};
  EXPECT_EQ(recall_hits(picture, captions).at1, 1);
  EXPECT_EQ(recall_hits(captions, picture), (RecallHits{2, 2, 2, 3}))
      << "caption 1 belongs to no picture";
}

TEST(Recall, FewCandidatesAndNoQueries) {
  Set const one{{1, 0}, {1}, 2}, none{{}, {}, 2};
  EXPECT_EQ(recall_hits(one, one), (RecallHits{1, 1, 1, 1}));
  EXPECT_EQ(recall_hits(none, one), RecallHits{});
  EXPECT_EQ(recall_hits(one, none), (RecallHits{0, 0, 0, 1}));
  EXPECT_EQ(percent(RecallHits{}).r1, 0.0);
  EXPECT_DOUBLE_EQ(percent({1, 2, 3, 3}).r5, 200.0 / 3);
}

TEST(Recall, RefusesEmbeddingsThatAreNotFinite) {
  Set const query{{1, 0}, {1}, 2};
  Set const bad{{1, 0, std::numeric_limits<float>::quiet_NaN(), 0}, {1, 2}, 2};
  try {
    recall_hits(query, bad);
    FAIL();
  } catch (DataError const& error) {
    EXPECT_NE(std::string(error.what()).find("item 1"), std::string::npos);
  }
}

TEST(ChanceRecall, IsTheShareOfOwnCandidates) {
  std::vector<std::uint64_t> candidates(200);
  std::iota(candidates.begin(), candidates.end(), std::uint64_t{0});
  Recall const one_each = chance_recall(candidates, candidates);
  EXPECT_NEAR(one_each.r1, 0.5, 1e-12);
  EXPECT_NEAR(one_each.r5, 2.5, 1e-12);
  // Two own among five: both missed in the first two draws with 3/5 x 2/4; a query without any
  // never hits.
  std::vector<std::uint64_t> const five{1, 1, 2, 3, 4}, queries{1, 9};
  EXPECT_NEAR(chance_recall(queries, five).r1, 100 * 0.5 * 2 / 5, 1e-12);
  EXPECT_NEAR(chance_recall(queries, five).r5, 50, 1e-12);
}
