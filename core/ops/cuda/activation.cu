#include "core/ops/activation.hpp"

#include "core/ops/cuda/gelu.cuh"
#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

template <class T, int V>
struct GeluForward {
  Rows<T const> x;
  Rows<T> y;
  __device__ void operator()(Index i, Index j) const {
    float values[V];
    load(values, &x[i][j]);
    for (float& value : values) value = gelu(value);
    store(&y[i][j], values);
  }
};

template <class T, int V>
struct GeluBackward {
  Rows<T const> dy, x;
  Rows<T> dx;
  __device__ void operator()(Index i, Index j) const {
    float values[V], upstream[V];
    load(values, &x[i][j]);
    load(upstream, &dy[i][j]);
    for (int k = 0; k < V; ++k)
      values[k] = upstream[k] * gelu_derivative(values[k], normal_cdf(values[k]));
    store(&dx[i][j], values);
  }
};

template <class T, int V>
struct GegluForward {
  Rows<T const> gate, up;
  Rows<T> y;
  __device__ void operator()(Index i, Index j) const {
    float g[V], u[V];
    load(g, &gate[i][j]);
    load(u, &up[i][j]);
    for (int k = 0; k < V; ++k) g[k] = gelu(g[k]) * u[k];
    store(&y[i][j], g);
  }
};

template <class T, int V>
struct GegluBackward {
  Rows<T const> dy, gate, up;
  Rows<T> dgate, dup;
  __device__ void operator()(Index i, Index j) const {
    float d[V], g[V], u[V], dg[V], du[V];
    load(d, &dy[i][j]);  // all is read before anything is written: dgate_up may be gate_up
    load(g, &gate[i][j]);
    load(u, &up[i][j]);
    for (int k = 0; k < V; ++k) {
      float const cdf = normal_cdf(g[k]);
      dg[k] = d[k] * u[k] * gelu_derivative(g[k], cdf);
      du[k] = d[k] * g[k] * cdf;
    }
    store(&dgate[i][j], dg);
    store(&dup[i][j], du);
  }
};

}  // namespace

template <class T>
void gelu_forward(Queue& queue, ConstView x, View y) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "gelu_forward", x.rows(), x.columns(),
                            GeluForward<T, V>{Rows<T const>(x), Rows<T>(y)});
      },
      x, y);
}
template void gelu_forward<float>(Queue&, ConstView, View);
template void gelu_forward<BFloat16>(Queue&, ConstView, View);

template <class T>
void gelu_backward(Queue& queue, ConstView dy, ConstView x, View dx) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "gelu_backward", x.rows(), x.columns(),
                            GeluBackward<T, V>{Rows<T const>(dy), Rows<T const>(x), Rows<T>(dx)});
      },
      dy, x, dx);
}
template void gelu_backward<float>(Queue&, ConstView, ConstView, View);
template void gelu_backward<BFloat16>(Queue&, ConstView, ConstView, View);

template <class T>
void geglu_forward(Queue& queue, ConstView gate_up, View y) {
  Index const f = y.columns();
  ConstView const gate = gate_up.columns(0, f), up = gate_up.columns(f, f);
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "geglu_forward", y.rows(), f,
                            GegluForward<T, V>{Rows<T const>(gate), Rows<T const>(up), Rows<T>(y)});
      },
      gate, up, y);
}
template void geglu_forward<float>(Queue&, ConstView, View);
template void geglu_forward<BFloat16>(Queue&, ConstView, View);

template <class T>
void geglu_backward(Queue& queue, ConstView dy, ConstView gate_up, View dgate_up) {
  Index const f = dy.columns();
  ConstView const gate = gate_up.columns(0, f), up = gate_up.columns(f, f);
  View const dgate = dgate_up.columns(0, f), dup = dgate_up.columns(f, f);
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "geglu_backward", dy.rows(), f,
                            GegluBackward<T, V>{Rows<T const>(dy), Rows<T const>(gate),
                                                Rows<T const>(up), Rows<T>(dgate), Rows<T>(dup)});
      },
      dy, gate, up, dgate, dup);
}
template void geglu_backward<float>(Queue&, ConstView, ConstView, View);
template void geglu_backward<BFloat16>(Queue&, ConstView, ConstView, View);

}  // namespace accord::cuda
