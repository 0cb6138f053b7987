#include "core/ops/gemm.hpp"

#include <algorithm>

#include "core/base/parallel_for.hpp"
#include "core/ops/bias.hpp"
#include "core/ops/cpu/blas.hpp"
#include "core/ops/matrix.hpp"

namespace accord::cpu {
namespace {

/// How C is cut: each thread computes one block of it.
struct Grid {
  Index rows, columns;
};

/// The cut into as many blocks as there are threads worth the work that reads the least of A and B.
Grid grid_of(Index m, Index n, Index k) {
  constexpr Index least_work = Index{1} << 20;  // multiplications worth a thread
  Index const threads = std::clamp<Index>(omp_in_parallel() ? 1 : omp_get_max_threads(), 1,
                                          std::max<Index>(m * n * k / least_work, 1));
  Grid best{threads, 1};
  for (Index rows = 1; rows < threads; ++rows) {
    if (threads % rows != 0) continue;
    Grid const grid{rows, threads / rows};
    if (m / grid.rows + n / grid.columns < m / best.rows + n / best.columns) best = grid;
  }
  return best;
}

/// Where part i of `parts` begins: on a border of BLAS's own blocks, or at the end.
Index border(Index i, Index parts, Index extent) {
  constexpr Index unit = 64;
  return i == parts ? extent : extent * i / parts / unit * unit;
}

}  // namespace

template <class T>
void gemm(Queue& queue, Transpose transpose_a, ConstView a_view, Transpose transpose_b,
          ConstView b_view, View c_view, double beta, double alpha, Epilogue const& epilogue) {
  Matrix<T const> const a(a_view), b(b_view);
  Matrix<T> const c(c_view);
  bool const flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  Index const m = c.rows(), n = c.columns(), k = flip_a ? a.rows() : a.columns();
  Grid const grid = grid_of(m, n, k);
  parallel_for(grid.rows * grid.columns, 1, [&](Index first, Index last) {
    for (Index block = first; block < last; ++block) {
      Index const i = block / grid.columns, j = block % grid.columns;
      Index const top = border(i, grid.rows, m), left = border(j, grid.columns, n);
      blas_gemm<T>(transpose_a, transpose_b, border(i + 1, grid.rows, m) - top,
                   border(j + 1, grid.columns, n) - left, k, static_cast<T>(alpha),
                   {flip_a ? a[0] + top : a[top], a.stride()},
                   {flip_b ? b[left] : b[0] + left, b.stride()}, static_cast<T>(beta),
                   {c[top] + left, c.stride()});
    }
  });
  if (epilogue.bias) bias_forward<T>(queue, epilogue.bias, c_view);
  if (epilogue.column_sums) bias_backward<T>(queue, a_view, epilogue.column_sums);
}
template void gemm<double>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double,
                           Epilogue const&);
template void gemm<float>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double,
                          Epilogue const&);

}  // namespace accord::cpu
