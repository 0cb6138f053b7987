#include "core/ops/elementwise.hpp"

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

template <class T, class To, int V>
struct Add {
  Rows<T const> x;
  Rows<To> y;
  __device__ void operator()(Index i, Index j) const {
    float values[V], sums[V];
    load(values, &x[i][j]);
    load(sums, &y[i][j]);
    for (int k = 0; k < V; ++k) sums[k] += values[k];
    store(&y[i][j], sums);
  }
};

template <class From, class To, int V>
struct Convert {
  Rows<From const> x;
  Rows<To> y;
  __device__ void operator()(Index i, Index j) const {
    float values[V];
    load(values, &x[i][j]);
    store(&y[i][j], values);
  }
};

template <class T, int V>
struct Scale {
  float factor;
  Rows<T> x;
  __device__ void operator()(Index i, Index j) const {
    float values[V];
    load(values, &x[i][j]);
    for (float& value : values) value *= factor;
    store(&x[i][j], values);
  }
};

template <class T>
__global__ void logit_scale_forward_kernel(T const* tau, float* scale) {
  *scale = expf(to_float(*tau));
}

__global__ void logit_scale_backward_kernel(float const* dscale, float const* scale, float* dtau) {
  *dtau += *dscale * *scale;
}

template <class T, class To>
void add_to(Queue& queue, ConstView x, View y) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "add", x.rows(), x.columns(),
                            Add<T, To, V>{Rows<T const>(x), Rows<To>(y)});
      },
      x, y);
}

}  // namespace

template <class T>
void add(Queue& queue, ConstView x, View y) {
  if (y.dtype() == x.dtype()) return add_to<T, T>(queue, x, y);
  add_to<T, float>(queue, x, y);
}
template void add<float>(Queue&, ConstView, View);
template void add<BFloat16>(Queue&, ConstView, View);

namespace {

template <class From, class To>
void convert_to(Queue& queue, ConstView x, View y) {
  ConstView const from = x.reshaped({1, x.size()});
  View const to = y.reshaped({1, y.size()});
  with_pack_width<BFloat16>(
      [&]<int V>() {
        for_each_element<V>(queue, "convert", 1, x.size(),
                            Convert<From, To, V>{Rows<From const>(from), Rows<To>(to)});
      },
      from, to);
}

}  // namespace

template <>
void convert<float>(Queue& queue, ConstView x, View y) {
  if (x.dtype() == DType::float32) return convert_to<float, BFloat16>(queue, x, y);
  convert_to<BFloat16, float>(queue, x, y);
}
template <>
void convert<BFloat16>(Queue&, ConstView, View) {
  throw Error("convert is called by float32");
}

template <class T>
void scale(Queue& queue, double factor, View x) {
  with_pack_width<T>(
      [&]<int V>() {
        for_each_element<V>(queue, "scale", x.rows(), x.columns(),
                            Scale<T, V>{static_cast<float>(factor), Rows<T>(x)});
      },
      x);
}
template void scale<float>(Queue&, double, View);
template void scale<BFloat16>(Queue&, double, View);

template <class T>
void logit_scale_forward(Queue& queue, ConstView tau, View scale) {
  launch(queue, "logit_scale_forward", {1, 1, 0}, logit_scale_forward_kernel<T>, tau.as<T>(),
         scale.as<float>());
}
template void logit_scale_forward<float>(Queue&, ConstView, View);
template void logit_scale_forward<BFloat16>(Queue&, ConstView, View);

// Statistics are float32 whatever the type of the model, so there is one form.
template <>
void logit_scale_backward<float>(Queue& queue, ConstView dscale, ConstView scale, View dtau) {
  launch(queue, "logit_scale_backward", {1, 1, 0}, logit_scale_backward_kernel, dscale.as<float>(),
         scale.as<float>(), dtau.as<float>());
}
template <>
void logit_scale_backward<BFloat16>(Queue&, ConstView, ConstView, View) {
  throw Error("logit_scale_backward: statistics are never bfloat16");
}

}  // namespace accord::cuda
