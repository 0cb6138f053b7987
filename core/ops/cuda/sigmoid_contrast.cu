#include "core/ops/sigmoid_contrast.hpp"

#include "core/ops/cuda/key_tiles.cuh"

namespace accord::cuda {
namespace {

/// Of one query on.
struct State {
  float *loss, *dscale, *dbias, *best;
  std::int64_t* best_index;
};

State state_of(SigmoidContrastState const& state, Index query) {
  auto const floats = [&](Tensor const& values) {
    return const_cast<float*>(values.view().as<float>()) + query;
  };
  return {floats(state.loss), floats(state.dscale), floats(state.dbias), floats(state.best),
          const_cast<std::int64_t*>(state.best_index.view().as<std::int64_t>()) + query};
}

// One block per query folds its pairs of the tile into the state; factor * d goes to `scaled`, in
// the operands' type, for the product with k.
template <class T>
__global__ void sigmoid_contrast_kernel(Index keys, Index first, Rows<float const> products,
                                        float const* __restrict__ scale_of,
                                        float const* __restrict__ bias_of,
                                        std::int64_t const* __restrict__ targets, float weight,
                                        State state, Rows<T> scaled) {
  Index const i = blockIdx.x;
  float const* const row = products[i];
  float const scale = *scale_of, bias = *bias_of;
  Index const wanted = targets[i] - first;
  float losses = 0, products_d = 0, ds = 0, largest = -INFINITY;
  int at = 0;
  for (Index j = threadIdx.x; j < keys; j += blockDim.x) {
    float const product = row[j], logit = scale * product + bias;
    float const against = j == wanted ? -logit : logit;  // what the pair's loss grows with
    float const e = expf(-fabsf(against));
    float const share = (against > 0 ? 1 : e) / (1 + e), d = j == wanted ? -share : share;
    losses += log1pf(e) + fmaxf(against, 0);
    products_d += d * product;
    ds += d;
    if (product > largest) {
      largest = product;
      at = static_cast<int>(j);
    }
    if (scaled) scaled[i][j] = from_float<T>(weight * scale * d);
  }
  block_best(largest, at);
  losses = block_sum(losses);
  products_d = block_sum(products_d);
  ds = block_sum(ds);
  if (threadIdx.x != 0) return;
  state.loss[i] += losses;
  state.dscale[i] += products_d;
  state.dbias[i] += ds;
  Index const index = first + at;
  if (largest > state.best[i] || (largest == state.best[i] && index < state.best_index[i])) {
    state.best[i] = largest;
    state.best_index[i] = index;
  }
}

__global__ void sigmoid_contrast_finish_kernel(Index queries, State state,
                                               std::int64_t const* __restrict__ targets,
                                               float share, float weight, float* loss,
                                               float* correct, float* dscale, float* dbias) {
  double losses = 0, hits = 0, dscales = 0, dbiases = 0;
  for (Index i = threadIdx.x; i < queries; i += blockDim.x) {
    losses += state.loss[i];
    dscales += state.dscale[i];
    dbiases += state.dbias[i];
    hits += state.best_index[i] == targets[i] ? 1 : 0;
  }
  losses = block_sum(losses);
  hits = block_sum(hits);
  dscales = block_sum(dscales);
  dbiases = block_sum(dbiases);
  if (threadIdx.x != 0) return;
  *loss += static_cast<float>(share * losses);
  *correct += static_cast<float>(hits);
  if (dscale) *dscale += static_cast<float>(weight * dscales);
  if (dbias) *dbias += static_cast<float>(weight * dbiases);
}

}  // namespace

template <class T>
void sigmoid_contrast(Queue& queue, ConstView q, ConstView k, ConstView scale, ConstView bias,
                      ConstView targets, Index key_begin, Index tile, double weight,
                      SigmoidContrastState& state, View dq) {
  Tensor scaled;
  if (dq)
    scaled =
        Tensor(queue, dtype_of<T>, {std::min(q.rows(), query_block), std::min(k.rows(), tile)});
  for_each_tile(queue, q, k, tile, [&](Index query, Index queries, Index key, View products) {
    Index const keys = products.columns();
    View const d = dq ? scaled.view().rows(0, queries).columns(0, keys) : View();
    launch(queue, "sigmoid_contrast", {queries, tree_threads(keys), 0}, sigmoid_contrast_kernel<T>,
           keys, key_begin + key, Rows<float const>(products), scale.as<float>(), bias.as<float>(),
           targets.as<std::int64_t>() + query, weight, state_of(state, query), Rows<T>(d));
    if (dq)
      accord::gemm(queue, Transpose::no, d, Transpose::no, k.rows(key, keys),
                   dq.rows(query, queries), 1);
  });
}
template void sigmoid_contrast<float>(Queue&, ConstView, ConstView, ConstView, ConstView, ConstView,
                                      Index, Index, double, SigmoidContrastState&, View);
template void sigmoid_contrast<BFloat16>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ConstView, Index, Index, double, SigmoidContrastState&,
                                         View);

// The state is float32 whatever the type of the features, so there is one form.
template <>
void sigmoid_contrast_finish<float>(Queue& queue, SigmoidContrastState const& state,
                                    ConstView targets, double share, double weight, View loss,
                                    View correct, View dscale, View dbias) {
  if (state.loss.size() == 0) return;
  launch(queue, "sigmoid_contrast_finish", {1, most_threads, 0}, sigmoid_contrast_finish_kernel,
         state.loss.size(), state_of(state, 0), targets.as<std::int64_t>(), share, weight,
         loss.as<float>(), correct.as<float>(), optional_values<float>(dscale),
         optional_values<float>(dbias));
}
template <>
void sigmoid_contrast_finish<BFloat16>(Queue&, SigmoidContrastState const&, ConstView, double,
                                       double, View, View, View, View) {
  throw Error("sigmoid_contrast_finish: the state is never bfloat16");
}

}  // namespace accord::cuda
