#include "core/ops/contrast.hpp"

#include "core/ops/cuda/key_tiles.cuh"
#include "core/ops/gemm.hpp"

namespace accord::cuda {
namespace {

struct State {
  float *max, *sum, *target, *total;
  std::int64_t* best_index;
};

State state_of(ContrastState& state, Index query) {
  return {state.max.view().as<float>() + query, state.sum.view().as<float>() + query,
          state.target.view().as<float>() + query, state.total.view().as<float>() + query,
          state.best_index.view().as<std::int64_t>() + query};
}

// One block per query folds its logits of the tile into the running statistics.
__global__ void contrast_forward_kernel(Index keys, Index first, Rows<float const> products,
                                        float const* __restrict__ scale,
                                        std::int64_t const* __restrict__ targets, State state) {
  Index const i = blockIdx.x;
  float const* const row = products[i];
  float const factor = *scale;
  float logits = 0, largest = -INFINITY;
  int at = 0;
  for (Index j = threadIdx.x; j < keys; j += blockDim.x) {
    float const logit = factor * row[j];
    logits += logit;
    if (logit > largest) {
      largest = logit;
      at = static_cast<int>(j);
    }
  }
  block_best(largest, at);
  float const before = state.max[i], reference = fmaxf(before, largest);
  float exponentials = 0;
  for (Index j = threadIdx.x; j < keys; j += blockDim.x)
    exponentials += expf(factor * row[j] - reference);
  exponentials = block_sum(exponentials);
  logits = block_sum(logits);
  if (threadIdx.x != 0) return;
  state.total[i] += logits;
  Index const wanted = targets[i] - first;
  if (wanted >= 0 && wanted < keys) state.target[i] = factor * row[wanted];
  Index const index = first + at;
  if (largest > before || (largest == before && index < state.best_index[i]))
    state.best_index[i] = index;
  state.sum[i] = state.sum[i] * expf(before - reference) + exponentials;
  state.max[i] = reference;
}

__global__ void contrast_finish_kernel(Index queries, State state,
                                       std::int64_t const* __restrict__ targets, float smoothing,
                                       float others, float weight, float* __restrict__ lse,
                                       float* loss, float* correct) {
  double losses = 0, hits = 0;
  for (Index i = threadIdx.x; i < queries; i += blockDim.x) {
    float const log_sum = state.max[i] + logf(state.sum[i]), target = state.target[i];
    lse[i] = log_sum;
    losses += log_sum - (1 - smoothing) * target - others * (state.total[i] - target);
    hits += state.best_index[i] == targets[i] ? 1 : 0;
  }
  losses = block_sum(losses);
  hits = block_sum(hits);
  if (threadIdx.x != 0) return;
  *loss += static_cast<float>(weight * losses);
  if (correct) *correct += static_cast<float>(hits);
}

// products become scale * d in the operands' type, for the products with k and q; dscale_of[i] is
// the row's sum of d (q . k).
template <class T>
__global__ void contrast_backward_kernel(Index keys, Index first, Rows<float const> products,
                                         float const* __restrict__ scale,
                                         std::int64_t const* __restrict__ targets,
                                         float const* __restrict__ lse, float weight, float target,
                                         float others, Rows<T> scaled, float* dscale_of) {
  Index const i = blockIdx.x;
  float const* const row = products[i];
  float const factor = *scale, log_sum = lse[i];
  Index const wanted = targets[i] - first;
  float sum = 0;
  for (Index j = threadIdx.x; j < keys; j += blockDim.x) {
    float const product = row[j];
    float const d = weight * (expf(factor * product - log_sum) - (j == wanted ? target : others));
    sum += d * product;
    scaled[i][j] = from_float<T>(factor * d);
  }
  sum = block_sum(sum);
  if (threadIdx.x == 0) dscale_of[i] += sum;
}

}  // namespace

template <class T>
void contrast_forward(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView targets,
                      ContrastShape const& shape, ContrastState& state) {
  for_each_tile(queue, q, k, shape.tile, [&](Index query, Index queries, Index key, View products) {
    launch(queue, "contrast_forward", {queries, tree_threads(products.columns()), 0},
           contrast_forward_kernel, products.columns(), shape.key_begin + key,
           Rows<float const>(products), scale.as<float>(), targets.as<std::int64_t>() + query,
           state_of(state, query));
  });
}
template void contrast_forward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                      ContrastShape const&, ContrastState&);
template void contrast_forward<BFloat16>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ContrastShape const&, ContrastState&);

// The state is float32 whatever the type of the features, so there is one form.
template <>
void contrast_finish<float>(Queue& queue, ContrastState const& state, ConstView targets,
                            ContrastShape const& shape, double weight, View lse, View loss,
                            View correct) {
  if (state.max.size() == 0) return;
  launch(queue, "contrast_finish", {1, most_threads, 0}, contrast_finish_kernel, state.max.size(),
         state_of(const_cast<ContrastState&>(state), 0), targets.as<std::int64_t>(),
         shape.label_smoothing, shape.others_share(), weight, lse.as<float>(), loss.as<float>(),
         optional_values<float>(correct));
}
template <>
void contrast_finish<BFloat16>(Queue&, ContrastState const&, ConstView, ContrastShape const&,
                               double, View, View, View) {
  throw Error("contrast_finish: the state is never bfloat16");
}

template <class T>
void contrast_backward(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView targets,
                       ContrastShape const& shape, ConstView lse, double weight, View dq, View dk,
                       View dscale) {
  Tensor dscale_of = Tensor::zeros(queue, DType::float32, {q.rows()});
  Tensor scaled(queue, dtype_of<T>,
                {std::min(q.rows(), query_block), std::min(k.rows(), shape.tile)});
  for_each_tile(queue, q, k, shape.tile, [&](Index query, Index queries, Index key, View products) {
    Index const keys = products.columns();
    View const d = scaled.view().rows(0, queries).columns(0, keys);
    launch(queue, "contrast_backward", {queries, tree_threads(keys), 0},
           contrast_backward_kernel<T>, keys, shape.key_begin + key, Rows<float const>(products),
           scale.as<float>(), targets.as<std::int64_t>() + query, lse.as<float>() + query, weight,
           1 - shape.label_smoothing, shape.others_share(), Rows<T>(d),
           dscale_of.view().as<float>() + query);
    if (dq)
      accord::gemm(queue, Transpose::no, d, Transpose::no, k.rows(key, keys),
                   dq.rows(query, queries), 1);
    if (dk)
      accord::gemm(queue, Transpose::yes, d, Transpose::no, q.rows(query, queries),
                   dk.rows(key, keys), 1);
  });
  if (dscale && q.rows() > 0)
    launch(queue, "contrast_backward", {1, most_threads, 0}, add_up_kernel, q.rows(),
           dscale_of.view().as<float>(), dscale.as<float>());
}
template void contrast_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                       ContrastShape const&, ConstView, double, View, View, View);
template void contrast_backward<BFloat16>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                          ContrastShape const&, ConstView, double, View, View,
                                          View);

}  // namespace accord::cuda
