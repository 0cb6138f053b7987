#pragma once
// The model's layers as docs/model.md writes them, sample by sample, for any number type: what
// reference files of other sizes than the official ones are made from. Slow, short, and without a
// line of the product.

#include <algorithm>
#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "tests/app/verify/dual.hpp"

namespace accord::testing {

template <class T>
struct Array {
  std::vector<Index> shape;
  std::vector<T> values;
};
template <class T>
using Arrays = std::map<std::string, Array<T>>;

/// Parameters below a prefix.
template <class T>
struct Weights {
  Arrays<T> const* arrays;
  std::string prefix;

  Weights operator/(std::string const& name) const { return {arrays, prefix + name + "."}; }
  /// Null where there is none.
  T const* find(std::string const& name) const {
    auto const it = arrays->find(prefix + name);
    return it == arrays->end() ? nullptr : it->second.values.data();
  }
  Array<T> const& operator()(std::string const& name) const { return arrays->at(prefix + name); }
};

template <class T>
struct Rows {
  Index n = 0, d = 0;
  std::vector<T> v;

  Rows() = default;
  Rows(Index rows, Index columns)
      : n(rows), d(columns), v(static_cast<std::size_t>(rows * columns)) {}
  T* operator[](Index i) { return v.data() + i * d; }
  T const* operator[](Index i) const { return v.data() + i * d; }
  void append(T const* row) {
    v.insert(v.end(), row, row + d);
    ++n;
  }
  void append(Rows const& rows) {
    d = rows.d;
    v.insert(v.end(), rows.v.begin(), rows.v.end());
    n += rows.n;
  }
  Rows part(Index begin, Index count) const {
    Rows rows(count, d);
    std::copy_n((*this)[begin], count * d, rows.v.begin());
    return rows;
  }
};

/// name.weight [out, in...] and name.bias where there is one.
template <class T>
Rows<T> linear(Rows<T> const& x, Weights<T> const& w) {
  Array<T> const& weight = w("weight");
  T const* const bias = w.find("bias");
  Rows<T> y(x.n, weight.shape[0]);
  for (Index i = 0; i < y.n; ++i)
    for (Index o = 0; o < y.d; ++o) {
      T sum = bias ? bias[o] : T(0);
      for (Index k = 0; k < x.d; ++k) sum += x[i][k] * weight.values[o * x.d + k];
      y[i][o] = sum;
    }
  return y;
}

template <class T>
Rows<T> layer_norm(Rows<T> x, Weights<T> const& w) {
  using std::sqrt;
  auto const d = static_cast<double>(x.d);
  T const *const weight = w.find("weight"), *const bias = w.find("bias");
  for (Index i = 0; i < x.n; ++i) {
    T mean = 0, variance = 0;
    for (Index c = 0; c < x.d; ++c) mean += x[i][c] / d;
    for (Index c = 0; c < x.d; ++c) variance += (x[i][c] - mean) * (x[i][c] - mean) / d;
    for (Index c = 0; c < x.d; ++c) {
      x[i][c] = (x[i][c] - mean) / sqrt(variance + 1e-5);
      if (weight) x[i][c] = x[i][c] * weight[c] + bias[c];
    }
  }
  return x;
}

template <class T>
Rows<T> gelu(Rows<T> x) {
  using std::erf;
  for (T& v : x.v) v = v * 0.5 * (T(1) + erf(v * std::numbers::sqrt2 * 0.5));
  return x;
}

/// bias [heads, n, n] or empty; keys [n], 0 = nobody attends to it, or empty
template <class T>
Rows<T> attention(Rows<T> const& x, Weights<T> const& w, Index heads, std::vector<T> const& bias,
                  std::vector<std::uint8_t> const& keys) {
  using std::exp;
  Rows<T> const q = linear(x, w / "q_proj"), k = linear(x, w / "k_proj"),
                v = linear(x, w / "v_proj");
  Index const h = x.d / heads;
  Rows<T> out(x.n, x.d);
  for (Index head = 0; head < heads; ++head)
    for (Index i = 0; i < x.n; ++i) {
      std::vector<T> p(static_cast<std::size_t>(x.n), T(0));
      T sum = 0;
      for (Index j = 0; j < x.n; ++j) {
        if (!keys.empty() && !keys[j]) continue;
        T logit = bias.empty() ? T(0) : bias[(head * x.n + i) * x.n + j];
        for (Index c = head * h; c < head * h + h; ++c)
          logit += q[i][c] * k[j][c] / std::sqrt(static_cast<double>(h));
        p[j] = exp(logit);
        sum += p[j];
      }
      for (Index j = 0; j < x.n; ++j)
        for (Index c = head * h; c < head * h + h; ++c) out[i][c] += p[j] / sum * v[j][c];
    }
  if (T const* const scale = w.find("c_attn"))
    for (Index i = 0; i < out.n; ++i)
      for (Index c = 0; c < out.d; ++c) out[i][c] = out[i][c] * scale[c / h];
  if (w.find("ln.weight")) out = layer_norm(out, w / "ln");
  return linear(out, w / "out_proj");
}

template <class T>
Rows<T> feed_forward(Rows<T> const& x, Weights<T> const& w) {
  Rows<T> inner = gelu(linear(x, w / "0.wi_0"));
  Rows<T> const up = linear(x, w / "0.wi_1");
  for (std::size_t i = 0; i < inner.v.size(); ++i) inner.v[i] = inner.v[i] * up.v[i];
  return linear(layer_norm(inner, w / "2"), w / "3");
}

/// Consecutive rows of a sequence that are one modality's.
struct PlainSegment {
  std::string modality;
  Index length;
};

template <class T>
Rows<T> block(Rows<T> x, Weights<T> const& w, Index heads,
              std::vector<PlainSegment> const& segments, std::vector<T> const& bias,
              std::vector<std::uint8_t> const& keys) {
  auto add = [&](Index begin, Rows<T> const& branch, char const* name) {
    T const* const gamma = w.find(name);
    for (Index i = 0; i < branch.n; ++i)
      for (Index c = 0; c < x.d; ++c) x[begin + i][c] += branch[i][c] * (gamma ? gamma[c] : T(1));
  };
  add(0, attention(layer_norm(x, w / "self_attn_layer_norm"), w / "self_attn", heads, bias, keys),
      "gamma_1");
  Rows<T> const y = layer_norm(x, w / "final_layer_norm");
  Index begin = 0;
  for (auto const& [modality, length] : segments) {
    add(begin, feed_forward(y.part(begin, length), w / (modality + "_ffn")), "gamma_2");
    begin += length;
  }
  return x;
}

/// x [n, in] of one sequence, weight [out, in / groups, kernel], `padding` zero rows at both ends.
template <class T>
Rows<T> convolve(Rows<T> const& x, Weights<T> const& w, Index stride, Index padding, Index groups) {
  Array<T> const& weight = w("weight");
  T const* const bias = w.find("bias");
  Index const out = weight.shape[0], in = weight.shape[1], kernel = weight.shape[2];
  Rows<T> y((x.n + 2 * padding - kernel) / stride + 1, out);
  for (Index i = 0; i < y.n; ++i)
    for (Index o = 0; o < out; ++o) {
      T sum = bias ? bias[o] : T(0);
      for (Index k = 0; k < kernel; ++k) {
        Index const from = i * stride + k - padding;
        if (from < 0 || from >= x.n) continue;
        for (Index c = 0; c < in; ++c)
          sum += weight.values[(o * in + c) * kernel + k] * x[from][o / (out / groups) * in + c];
      }
      y[i][o] = sum;
    }
  return y;
}

/// pixels [3, side, side] -> patches row by row [(side / 16)^2, d]: kernel = stride, so a window
/// is a row of a matrix.
template <class T>
Rows<T> patch_features(T const* pixels, Index side, Weights<T> const& w) {
  auto windows = [](Rows<T> const& grid, Index width, Index size) {  // [rows of a grid, channels]
    Index const cells = width / size;
    Rows<T> out(cells * cells, grid.d * size * size);
    for (Index r = 0; r < cells; ++r)
      for (Index c = 0; c < cells; ++c)
        for (Index channel = 0; channel < grid.d; ++channel)
          for (Index y = 0; y < size; ++y)
            for (Index x = 0; x < size; ++x)
              out[r * cells + c][(channel * size + y) * size + x] =
                  grid[(r * size + y) * width + c * size + x][channel];
    return out;
  };
  Rows<T> image(side * side, 3);
  for (Index i = 0; i < side * side; ++i)
    for (Index c = 0; c < 3; ++c) image[i][c] = pixels[c * side * side + i];
  Rows<T> x = linear(windows(image, side, 4), w / "0");
  x = gelu(layer_norm(x, w / "1.layer_norm"));
  x = linear(windows(x, side / 4, 2), w / "3");
  x = gelu(layer_norm(x, w / "4.layer_norm"));
  return linear(windows(x, side / 8, 2), w / "6");
}

template <class T>
Rows<T> sound_features(T const* samples, Index count, Weights<T> const& w,
                       std::vector<Index> const& strides) {
  Rows<T> x(count, 1);
  std::copy_n(samples, count, x.v.begin());
  for (std::size_t i = 0; i < strides.size(); ++i) {
    Weights<T> const level = w / ("0.conv_layers." + std::to_string(i));
    x = gelu(layer_norm(convolve(x, level / "0", strides[i], 0, 1), level / "2.1"));
  }
  return linear(layer_norm(x, w / "2"), w / "3");
}

template <class T>
Rows<T> convolutional_positions(Rows<T> x, Weights<T> const& w, Index layers, Index groups) {
  Arrays<T> const none;
  for (Index i = 1; i <= layers; ++i) {
    Index const n = x.n, kernel = (w / std::to_string(i) / "0")("weight").shape[2];
    x = convolve(x, w / std::to_string(i) / "0", 1, kernel / 2, groups);
    x = gelu(layer_norm(x.part(0, n), Weights<T>{&none, ""}));
  }
  return x;
}

/// Row of a log table for query i and key j (docs/model.md 1.5).
inline Index log_bucket(Index i, Index j, Index beta) {
  if (i == 0 || j == 0) return i == j ? 2 * beta + 1 : i == 0 ? 2 * beta - 1 : 2 * beta;
  Index const m = beta / 2, r = i - j, a = r < 0 ? -r : r;
  Index g = a;
  if (a > m) {
    auto const middle = static_cast<double>(m);
    g = m + static_cast<Index>(std::ceil(std::log(static_cast<double>(a) / middle) /
                                         std::log(1023 / middle) * (middle - 1)));
  }
  return (r < 0 ? -g : g) + beta - 1;
}
inline Index grid_bucket(Index i, Index j, Index w) {
  Index const n = (2 * w - 1) * (2 * w - 1) + 3;
  if (i == 0 || j == 0) return i == j ? n - 1 : i == 0 ? n - 3 : n - 2;
  --i, --j;
  return (i / w - j / w + w - 1) * (2 * w - 1) + i % w - j % w + w - 1;
}

}  // namespace accord::testing
