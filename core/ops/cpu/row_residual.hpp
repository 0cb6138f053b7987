#pragma once
// The end of a residual branch on one row. `gamma` null: 1.

#include "core/tensor/view.hpp"

namespace accord::cpu {

/// to = x + factor gamma branch; to may be x.
template <class T>
void add_branch(T const* x, T const* branch, T factor, T const* gamma, Index n, T* to) {
  if (gamma) {
#pragma omp simd
    for (Index j = 0; j < n; ++j) to[j] = x[j] + factor * gamma[j] * branch[j];
  } else {
#pragma omp simd
    for (Index j = 0; j < n; ++j) to[j] = x[j] + factor * branch[j];
  }
}

/// dbranch = factor gamma dx, and, where it is given, dgamma += factor branch dx; dbranch may be
/// branch.
template <class T>
void branch_gradient(T const* dx, T const* branch, T factor, T const* gamma, Index n, T* dbranch,
                     T* dgamma) {
  if (dgamma) {
#pragma omp simd
    for (Index j = 0; j < n; ++j) dgamma[j] += factor * branch[j] * dx[j];
  }
  if (gamma) {
#pragma omp simd
    for (Index j = 0; j < n; ++j) dbranch[j] = factor * gamma[j] * dx[j];
  } else {
#pragma omp simd
    for (Index j = 0; j < n; ++j) dbranch[j] = factor * dx[j];
  }
}

}  // namespace accord::cpu
