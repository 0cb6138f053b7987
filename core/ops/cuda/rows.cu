#include "core/ops/rows.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

template <class T, int V>
struct GatherRows {
  Rows<T const> from;
  RowList from_rows;
  Rows<T> to;
  __device__ void operator()(Index i, Index j) const {
    *reinterpret_cast<Pack<T, V>*>(&to[i][j]) = load<V>(&from[from_rows[i]][j]);
  }
};

/// Each target row belongs to one block of its column tile, which goes through the whole list in
/// order and adds what is for its rows: repeats add up in the order of the list.
constexpr Index owners = 64;

template <class T, class To, int V>
__global__ void add_rows_kernel(Index count, Index columns, Index tiles, Rows<T const> from,
                                RowList from_rows, Rows<To> to, RowList to_rows) {
  Index const owner = blockIdx.x / tiles, tile = blockIdx.x % tiles;
  Index const j = (tile * blockDim.x + threadIdx.x) * V;
  if (j >= columns) return;
  Index const step = to_rows.rows ? 1 : owners;  // without a list, row i's owner is i % owners
  for (Index i = to_rows.rows ? 0 : owner; i < count; i += step) {
    Index const target = to_rows[i];
    if (target % owners != owner) continue;
    float values[V], sums[V];
    load(values, &from[from_rows[i]][j]);
    load(sums, &to[target][j]);
    for (int k = 0; k < V; ++k) sums[k] += values[k];
    store(&to[target][j], sums);
  }
}

template <class T, class To>
void add_rows_to(Queue& queue, Index count, ConstView from, ConstView from_rows, View to,
                 ConstView to_rows) {
  with_pack_width<T>(
      [&]<int V>() {
        int const threads = row_threads(to.columns(), V);
        Index const tiles = (to.columns() + threads * V - 1) / (threads * V);
        Geometry const geometry{count == 0 ? 0 : owners * tiles, threads, 0};
        launch(queue, "add_rows", geometry, add_rows_kernel<T, To, V>, count, to.columns(), tiles,
               Rows<T const>(from), RowList(from_rows), Rows<To>(to), RowList(to_rows));
      },
      from, to);
}

}  // namespace

template <class T>
void gather_rows(Queue& queue, ConstView from, ConstView from_rows, View to) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "gather_rows", to.rows(), to.columns(),
                            GatherRows<T, V>{Rows<T const>(from), RowList(from_rows), Rows<T>(to)});
      },
      from, to);
}
template void gather_rows<float>(Queue&, ConstView, ConstView, View);
template void gather_rows<BFloat16>(Queue&, ConstView, ConstView, View);

template <class T>
void add_rows(Queue& queue, ConstView from, ConstView from_rows, View to, ConstView to_rows) {
  Index const count = from_rows ? from_rows.size() : to_rows ? to_rows.size() : from.rows();
  if (to.dtype() == from.dtype())
    return add_rows_to<T, T>(queue, count, from, from_rows, to, to_rows);
  add_rows_to<T, float>(queue, count, from, from_rows, to, to_rows);
}
template void add_rows<float>(Queue&, ConstView, ConstView, View, ConstView);
template void add_rows<BFloat16>(Queue&, ConstView, ConstView, View, ConstView);

}  // namespace accord::cuda
