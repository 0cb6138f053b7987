#pragma once

#include <algorithm>

#include "core/ops/gemm.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::cpu {

/// Products of queries with keys, a tile at a time: no more than 512 queries by `tile` keys are
/// held at once. Calls visit(first query, queries, first key, products) for one tile after another;
/// products [queries, keys of the tile] = q k^T, the visitor's to overwrite.
template <class T, class Visit>
void for_each_tile(Queue& queue, ConstView q, ConstView k, Index tile, Visit&& visit) {
  constexpr Index query_block = 512;
  Tensor workspace(queue, dtype_of<T>, {std::min(q.rows(), query_block), std::min(k.rows(), tile)});
  for (Index key = 0; key < k.rows(); key += tile)
    for (Index query = 0; query < q.rows(); query += query_block) {
      Index const keys = std::min(tile, k.rows() - key);
      Index const queries = std::min(query_block, q.rows() - query);
      View const products = workspace.view().rows(0, queries).columns(0, keys);
      accord::gemm(queue, Transpose::no, q.rows(query, queries), Transpose::yes, k.rows(key, keys),
                   products);
      visit(query, queries, key, products);
    }
}

}  // namespace accord::cpu
