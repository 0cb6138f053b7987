#include "core/ops/gemm.hpp"

#include "core/ops/bias.hpp"
#include "core/ops/matrix.hpp"

namespace accord::reference {

template <class T>
void gemm(Queue& queue, Transpose transpose_a, ConstView a_view, Transpose transpose_b,
          ConstView b_view, View c_view, double beta, double alpha, Epilogue const& epilogue) {
  Matrix<T const> const a(a_view), b(b_view);
  Matrix<T> const c(c_view);
  bool const flip_a = transpose_a == Transpose::yes, flip_b = transpose_b == Transpose::yes;
  Index const inner = flip_a ? a.rows() : a.columns();
  for (Index i = 0; i < c.rows(); ++i) {
    for (Index j = 0; j < c.columns(); ++j) {
      double sum = 0;
      for (Index p = 0; p < inner; ++p)
        sum += double{flip_a ? a[p][i] : a[i][p]} * double{flip_b ? b[j][p] : b[p][j]};
      double const kept = beta == 0 ? 0 : beta * c[i][j];
      c[i][j] = static_cast<T>(alpha * sum + kept);
    }
  }
  if (epilogue.bias) bias_forward<T>(queue, epilogue.bias, c_view);
  if (epilogue.column_sums) bias_backward<T>(queue, a_view, epilogue.column_sums);
}
template void gemm<double>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double,
                           Epilogue const&);
template void gemm<float>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double,
                          Epilogue const&);

}  // namespace accord::reference
