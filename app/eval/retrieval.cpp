#include "app/eval/retrieval.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <unordered_map>

#include "core/base/rng.hpp"

namespace accord::app {
namespace {

/// Items whose samples are in a pool, with owners instead of samples.
struct Selected {
  std::vector<float> values;
  std::vector<std::uint64_t> owners;
  Index dim = 0;

  EmbeddingSet set() const { return {values, dim, owners}; }
};

Selected select(Embeddings const& all, std::vector<std::uint64_t> const& owner,
                std::vector<char> const& in_pool) {
  Selected out{{}, {}, all.dim};
  for (std::size_t i = 0; i < all.samples.size(); ++i) {
    if (!in_pool[all.samples[i]]) continue;
    auto const begin = all.values.begin() + static_cast<std::ptrdiff_t>(i) * all.dim;
    out.values.insert(out.values.end(), begin, begin + all.dim);
    out.owners.push_back(owner[all.samples[i]]);
  }
  return out;
}

/// One sample for each of `size` different owners, drawn uniformly.
std::vector<char> draw_pool(std::vector<std::uint64_t> const& owner, Index size, std::uint32_t seed,
                            Index draw) {
  std::vector<std::size_t> order(owner.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  Draws const draws(seed, Purpose::item);
  for (std::size_t i = order.size(); i > 1; --i)
    std::swap(
        order[i - 1],
        order[draws.below(static_cast<std::uint32_t>(i), i, static_cast<std::uint32_t>(draw), 0)]);
  std::vector<char> in_pool(owner.size(), 0), taken(owner.size(), 0);
  Index count = 0;
  for (std::size_t const sample : order) {
    if (count == size) break;
    if (taken[owner[sample]]) continue;
    taken[owner[sample]] = in_pool[sample] = 1;
    ++count;
  }
  if (count < size)
    throw UsageError(
        fmt::format("--pool {}: the dataset has {} samples with different captions", size, count));
  return in_pool;
}

/// This rank's queries of a set.
EmbeddingSet share(EmbeddingSet const& all, Communicator const& world) {
  auto const count = static_cast<std::size_t>(all.count()),
             rank = static_cast<std::size_t>(world.rank()),
             size = static_cast<std::size_t>(world.size()), dim = static_cast<std::size_t>(all.dim);
  std::size_t const begin = count * rank / size, end = count * (rank + 1) / size;
  return {all.values.subspan(begin * dim, (end - begin) * dim), all.dim,
          all.owners.subspan(begin, end - begin)};
}

RecallHits add_over_ranks(Queue& queue, Communicator& world, RecallHits const& mine) {
  Index counts[] = {mine.at1, mine.at5, mine.at10, mine.queries};
  world.all_reduce(queue, View(counts, DType::int64, Shape{4}));
  return {counts[0], counts[1], counts[2], counts[3]};
}

void add(Recall& sum, Recall const& x, double weight) {
  sum.r1 += weight * x.r1;
  sum.r5 += weight * x.r5;
  sum.r10 += weight * x.r10;
}

}  // namespace

std::vector<std::uint64_t> partners(io::Dataset const& dataset, std::string const& text,
                                    bool equal_captions) {
  std::vector<std::uint64_t> owner(static_cast<std::size_t>(dataset.size()));
  std::iota(owner.begin(), owner.end(), std::uint64_t{0});
  if (!equal_captions) return owner;
  auto const& names = dataset.modalities();
  auto const column =
      static_cast<std::size_t>(std::find(names.begin(), names.end(), text) - names.begin());
  if (column == names.size())
    throw DataError(fmt::format("{}: has no {} to compare", dataset.path().string(), text));
  auto const root = [&](std::uint64_t sample) {
    while (owner[sample] != sample) sample = owner[sample];
    return sample;
  };
  std::unordered_map<std::string, std::uint64_t> first;
  for (std::uint64_t i = 0; i < owner.size(); ++i) {
    for (std::string& caption : dataset.items(static_cast<Index>(i), column)) {
      auto const [it, fresh] = first.emplace(std::move(caption), i);
      std::uint64_t const a = root(it->second), b = root(i);
      owner[std::max(a, b)] = std::min(a, b);
    }
  }
  for (std::uint64_t& sample : owner) sample = root(sample);
  return owner;
}

std::vector<RetrievalResult> retrieve(Queue& queue, Communicator& world,
                                      std::vector<Embeddings> const& embeddings,
                                      std::vector<std::uint64_t> const& owner,
                                      RetrievalOptions const& options) {
  std::vector<std::vector<char>> pools;
  if (options.pool == 0) pools.emplace_back(owner.size(), 1);
  for (Index draw = 0; options.pool > 0 && draw < options.draws; ++draw)
    pools.push_back(draw_pool(owner, options.pool, options.seed, draw));

  std::vector<RetrievalResult> results;
  for (Embeddings const& a : embeddings)
    for (Embeddings const& b : embeddings) {
      if (a.modality == b.modality) continue;
      RetrievalResult result{a.modality, b.modality, {}, {}, 0, 0};
      for (std::vector<char> const& pool : pools) {
        Selected const queries = select(a, owner, pool), candidates = select(b, owner, pool);
        RecallHits const hits = add_over_ranks(
            queue, world, recall_hits(share(queries.set(), world), candidates.set()));
        double const weight = 1.0 / static_cast<double>(pools.size());
        add(result.recall, percent(hits), weight);
        add(result.chance, chance_recall(queries.owners, candidates.owners), weight);
        result.queries = hits.queries;
        result.candidates = candidates.set().count();
      }
      results.push_back(result);
    }
  return results;
}

}  // namespace accord::app
