#pragma once

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {

/// What a row of a branch is multiplied by: LayerScale and the factor of stochastic depth, 1 where
/// they are not given.
template <class T, int V>
struct RowFactors {
  float const* row_scale;
  T const* gamma;

  __device__ float of_row(Index i) const { return row_scale ? row_scale[i] : 1; }
  /// Row i, columns [j, j + V).
  __device__ void load_at(float (&values)[V], Index i, Index j) const {
    float const factor = of_row(i);
    if (gamma) load(values, &gamma[j]);
    for (float& value : values) value = gamma ? factor * value : factor;
  }
};

template <class T, int V>
RowFactors<T, V> factors_of(ConstView row_scale, ConstView gamma) {
  return {optional_values<float>(row_scale), optional_values<T>(gamma)};
}

}  // namespace accord::cuda
