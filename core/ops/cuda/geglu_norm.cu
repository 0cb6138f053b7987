#include "core/ops/geglu_norm.hpp"

#include "core/ops/cuda/gelu.cuh"
#include "core/ops/cuda/row_norm.cuh"

namespace accord::cuda {
namespace {

// One block per row, whose product lies in shared memory (24 KB at width 6144), in float32.
template <class T, int V>
__global__ void geglu_norm_forward_kernel(Index f, Rows<T const> gate, Rows<T const> up,
                                          Affine<T, V> affine, Rows<T> y, float* __restrict__ means,
                                          float* __restrict__ rstds) {
  auto* const product = reinterpret_cast<float*>(dynamic_shared());
  Index const i = blockIdx.x;
  float sum = 0;
  for (Index j = threadIdx.x * V; j < f; j += blockDim.x * V) {
    float g[V], u[V];
    load(g, &gate[i][j]);
    load(u, &up[i][j]);
    for (int k = 0; k < V; ++k) sum += g[k] = gelu(g[k]) * u[k];
    store(&product[j], g);
  }
  float const mean = block_sum(sum) / static_cast<float>(f);
  float const rstd = inverse_deviation(centred_squares_of_row<V>(product, f, mean), f);
  normalise_row<V>(product, y[i], f, affine, mean, rstd);
  if (threadIdx.x == 0) {
    means[i] = mean;
    rstds[i] = rstd;
  }
}

// A block takes every gridDim-th row twice: for the row's two sums, and for the gradients they
// give. What is dear, the distribution function, is kept between in shared memory behind the column
// sums; the rest is read again from cache. A thread reads what it overwrites, and nobody else does:
// dgate_up may be gate_up.
template <class T, int V>
__global__ void geglu_norm_backward_kernel(Index m, Index f, Rows<T const> dy, Rows<T const> gate,
                                           Rows<T const> up, Affine<T, V> affine,
                                           float const* __restrict__ means,
                                           float const* __restrict__ rstds, Rows<T> dgate,
                                           Rows<T> dup, float* __restrict__ partial) {
  auto* const shared = reinterpret_cast<float*>(dynamic_shared());
  ColumnSums const column_sums{shared, 2, f, partial != nullptr};
  float* const cdf = shared + (partial ? 2 * f : 0);
  column_sums.template clear<V>();
  for (Index i = blockIdx.x; i < m; i += gridDim.x) {
    float const mean = means[i], rstd = rstds[i];
    float of_g = 0, of_g_xhat = 0;
    for (Index j = threadIdx.x * V; j < f; j += blockDim.x * V) {
      float upstream[V], g[V], u[V], w[V], c[V];
      load(upstream, &dy[i][j]);
      load(g, &gate[i][j]);
      load(u, &up[i][j]);
      affine.weights(w, j);
      column_sums.add(1, j, upstream);
      for (int k = 0; k < V; ++k) {
        c[k] = normal_cdf(g[k]);
        float const xhat = (g[k] * c[k] * u[k] - mean) * rstd;
        of_g += upstream[k] * w[k];
        of_g_xhat += upstream[k] * w[k] * xhat;
        upstream[k] *= xhat;
      }
      column_sums.add(0, j, upstream);
      store(&cdf[j], c);
    }
    of_g = block_sum(of_g) / static_cast<float>(f);
    of_g_xhat = block_sum(of_g_xhat) / static_cast<float>(f);
    for (Index j = threadIdx.x * V; j < f; j += blockDim.x * V) {
      float upstream[V], g[V], u[V], w[V], c[V];
      load(upstream, &dy[i][j]);
      load(g, &gate[i][j]);
      load(u, &up[i][j]);
      load(c, &cdf[j]);
      affine.weights(w, j);
      for (int k = 0; k < V; ++k) {
        float const activated = g[k] * c[k], xhat = (activated * u[k] - mean) * rstd;
        float const dproduct = rstd * (upstream[k] * w[k] - of_g - xhat * of_g_xhat);
        g[k] = dproduct * u[k] * gelu_derivative(g[k], c[k]);
        u[k] = dproduct * activated;
      }
      store(&dgate[i][j], g);
      store(&dup[i][j], u);
    }
  }
  column_sums.template write<V>(partial);
}

}  // namespace

template <class T>
void geglu_norm_forward(Queue& queue, ConstView gate_up, ConstView weight, ConstView bias, View y,
                        View mean, View rstd) {
  Index const f = y.columns();
  ConstView const gate = gate_up.columns(0, f), up = gate_up.columns(f, f);
  with_pack_width<T>(
      [&]<int V>() {
        Geometry geometry = row_grid(y.rows(), f, V);
        geometry.shared_bytes = static_cast<std::size_t>(f) * sizeof(float);
        launch(queue, "geglu_norm_forward", geometry, geglu_norm_forward_kernel<T, V>, f,
               Rows<T const>(gate), Rows<T const>(up), affine_of<T, V>(weight, bias), Rows<T>(y),
               mean.as<float>(), rstd.as<float>());
      },
      gate, up, weight, bias, y);
}
template void geglu_norm_forward<float>(Queue&, ConstView, ConstView, ConstView, View, View, View);
template void geglu_norm_forward<BFloat16>(Queue&, ConstView, ConstView, ConstView, View, View,
                                           View);

template <class T>
void geglu_norm_backward(Queue& queue, ConstView dy, ConstView gate_up, ConstView weight,
                         ConstView mean, ConstView rstd, View dgate_up, View dweight, View dbias) {
  Index const m = dy.rows(), f = dy.columns();
  ConstView const gate = gate_up.columns(0, f), up = gate_up.columns(f, f);
  View const dgate = dgate_up.columns(0, f), dup = dgate_up.columns(f, f);
  with_pack_width<T>(
      [&]<int V>() {
        Geometry const geometry = column_sum_grid(m, f, V, dweight || dbias ? 3 : 1);
        with_column_sums(queue, geometry, f, {dweight, dbias}, [&](float* partial) {
          launch(queue, "geglu_norm_backward", geometry, geglu_norm_backward_kernel<T, V>, m, f,
                 Rows<T const>(dy), Rows<T const>(gate), Rows<T const>(up),
                 affine_of<T, V>(weight, {}), mean.as<float>(), rstd.as<float>(), Rows<T>(dgate),
                 Rows<T>(dup), partial);
        });
      },
      dy, gate, up, weight, dgate, dup);
}
template void geglu_norm_backward<float>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                         ConstView, View, View, View);
template void geglu_norm_backward<BFloat16>(Queue&, ConstView, ConstView, ConstView, ConstView,
                                            ConstView, View, View, View);

}  // namespace accord::cuda
