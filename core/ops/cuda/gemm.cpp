#include "core/ops/cuda/gemm.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>

#include "core/base/cuda_check.hpp"
#include "core/base/gemm_algorithms.hpp"
#include "core/ops/cuda/launch.hpp"
#include "core/ops/elementwise.hpp"
#include "core/tensor/tensor.hpp"

namespace accord::cuda {
namespace {

struct Destroy {
  void operator()(cublasLtMatmulDesc_t x) const noexcept { (void)cublasLtMatmulDescDestroy(x); }
  void operator()(cublasLtMatrixLayout_t x) const noexcept { (void)cublasLtMatrixLayoutDestroy(x); }
  void operator()(cublasLtMatmulPreference_t x) const noexcept {
    (void)cublasLtMatmulPreferenceDestroy(x);
  }
};
template <class Handle>
using Owned = std::unique_ptr<std::remove_pointer_t<Handle>, Destroy>;

cudaDataType_t type_of(DType dtype) { return dtype == DType::bfloat16 ? CUDA_R_16BF : CUDA_R_32F; }

/// The library counts columns first: our row-major [rows, columns] is its [columns, rows].
Owned<cublasLtMatrixLayout_t> layout_of(ConstView view) {
  cublasLtMatrixLayout_t layout = nullptr;
  auto const stride = std::max<Index>(view.stride(), view.columns());
  ACCORD_CUDA(cublasLtMatrixLayoutCreate(&layout, type_of(view.dtype()),
                                         static_cast<std::uint64_t>(view.columns()),
                                         static_cast<std::uint64_t>(view.rows()), stride));
  return Owned<cublasLtMatrixLayout_t>(layout);
}

/// Of `count` matrices like the first, `batch_stride` elements apart.
Owned<cublasLtMatrixLayout_t> layout_of(ConstView first, Index count, Index batch_stride) {
  auto layout = layout_of(first);
  auto const matrices = static_cast<std::int32_t>(count);
  ACCORD_CUDA(cublasLtMatrixLayoutSetAttribute(layout.get(), CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT,
                                               &matrices, sizeof(matrices)));
  ACCORD_CUDA(cublasLtMatrixLayoutSetAttribute(layout.get(),
                                               CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET,
                                               &batch_stride, sizeof(batch_stride)));
  return layout;
}

Owned<cublasLtMatmulDesc_t> description(bool transpose_first, bool transpose_second) {
  cublasLtMatmulDesc_t made = nullptr;
  ACCORD_CUDA(cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  Owned<cublasLtMatmulDesc_t> result(made);
  auto const set = [&](cublasLtMatmulDescAttributes_t attribute, bool transposed) {
    cublasOperation_t const operation = transposed ? CUBLAS_OP_T : CUBLAS_OP_N;
    ACCORD_CUDA(cublasLtMatmulDescSetAttribute(made, attribute, &operation, sizeof(operation)));
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, transpose_first);
  set(CUBLASLT_MATMUL_DESC_TRANSB, transpose_second);
  return result;
}

/// Bytes to which every row of the view, and of those a multiple of `batch_stride` elements
/// further, is aligned, at most 16.
int alignment_of(ConstView view, Index batch_stride = 0) {
  auto const elements =
      static_cast<std::uintptr_t>((view.rows() > 1 ? view.stride() : 0) | batch_stride);
  auto const bits =
      reinterpret_cast<std::uintptr_t>(view.data()) | elements * size_of(view.dtype());
  int alignment = static_cast<int>(vector_bytes);
  while (bits % static_cast<std::uintptr_t>(alignment) != 0) alignment /= 2;
  return alignment;
}

/// One product, ready to run: D = alpha first second + beta D in the library's order, in which our
/// B comes first.
struct Product {
  Queue& queue;
  cublasLtMatmulDesc_t description;
  cublasLtMatrixLayout_t first, second, result;
  void const *first_data, *second_data;
  float alpha, beta;

  void run(void* to, cublasLtMatmulAlgo_t const& algorithm) const {
    Stream& stream = queue.stream();
    ACCORD_CUDA(cublasLtMatmul(stream.blas(), description, &alpha, first_data, first, second_data,
                               second, &beta, to, result, to, result, &algorithm,
                               stream.workspace(), Stream::workspace_bytes, stream.handle()));
  }
};

/// An algorithm chosen for one row count of a bucket need not know every other.
bool runs(Product const& product, GemmAlgorithm const& algorithm) {
  auto const candidate = std::bit_cast<cublasLtMatmulAlgo_t>(algorithm);
  cublasLtMatmulHeuristicResult_t result{};
  return cublasLtMatmulAlgoCheck(product.queue.stream().blas(), product.description, product.first,
                                 product.second, product.result, product.result, &candidate,
                                 &result) == CUBLAS_STATUS_SUCCESS &&
         result.workspaceSize <= Stream::workspace_bytes;
}

constexpr int most_candidates = 8;
using Candidates = std::array<cublasLtMatmulHeuristicResult_t, most_candidates>;

int find_candidates(Product const& product, int alignment, Candidates& candidates) {
  cublasLtMatmulPreference_t made = nullptr;
  ACCORD_CUDA(cublasLtMatmulPreferenceCreate(&made));
  Owned<cublasLtMatmulPreference_t> const preference(made);
  std::uint64_t const room = Stream::workspace_bytes;
  ACCORD_CUDA(cublasLtMatmulPreferenceSetAttribute(made, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                                   &room, sizeof(room)));
  auto const bytes = static_cast<std::uint32_t>(alignment);
  for (auto const attribute :
       {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
        CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
    ACCORD_CUDA(cublasLtMatmulPreferenceSetAttribute(made, attribute, &bytes, sizeof(bytes)));
  int found = 0;
  ACCORD_CUDA(cublasLtMatmulAlgoGetHeuristic(
      product.queue.stream().blas(), product.description, product.first, product.second,
      product.result, product.result, made, most_candidates, candidates.data(), &found));
  ACCORD_CHECK(found > 0, "cuBLASLt knows no algorithm for this matrix product");
  return found;
}

/// Milliseconds of three runs into `to`, after one that warms up.
float time_of(Product const& product, void* to, cublasLtMatmulAlgo_t const& algorithm) {
  struct Timer {
    cudaEvent_t event = nullptr;
    Timer() { ACCORD_CUDA(cudaEventCreate(&event)); }
    ~Timer() { (void)cudaEventDestroy(event); }
  } begin, end;
  cudaStream_t const stream = product.queue.stream().handle();
  product.run(to, algorithm);
  ACCORD_CUDA(cudaEventRecord(begin.event, stream));
  for (int i = 0; i < 3; ++i) product.run(to, algorithm);
  ACCORD_CUDA(cudaEventRecord(end.event, stream));
  ACCORD_CUDA(cudaEventSynchronize(end.event));
  float milliseconds = 0;
  ACCORD_CUDA(cudaEventElapsedTime(&milliseconds, begin.event, end.event));
  return milliseconds;
}

/// The fastest candidate, on these operands and into memory that nobody reads.
GemmAlgorithm choose(Product const& product, ConstView c, int alignment) {
  Candidates candidates{};
  int const found = find_candidates(product, alignment, candidates);
  int best = 0;
  if (found > 1) {
    Index const stride = std::max<Index>(c.stride(), c.columns());
    Tensor scratch(product.queue, c.dtype(), Shape{c.rows(), stride});
    float least = std::numeric_limits<float>::infinity();
    for (int i = 0; i < found; ++i) {
      float const time =
          time_of(product, scratch.view().data(), candidates[static_cast<std::size_t>(i)].algo);
      if (time < least) least = time, best = i;
    }
  }
  static_assert(sizeof(GemmAlgorithm) == sizeof(cublasLtMatmulAlgo_t));
  return std::bit_cast<GemmAlgorithm>(candidates[static_cast<std::size_t>(best)].algo);
}

}  // namespace

template <class T>
void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b, ConstView b,
          View c, double beta, double alpha) {
  Index const inner = transpose_a == Transpose::yes ? a.rows() : a.columns();
  if (c.size() == 0) return;
  if (inner == 0) {  // the library refuses it
    if (beta == 0) return zero(queue, c);
    return accord::scale(queue, beta, c);
  }
  bool const ta = transpose_a == Transpose::yes, tb = transpose_b == Transpose::yes;
  auto const operation = description(tb, ta);
  auto const first = layout_of(b), second = layout_of(a), result = layout_of(c);
  Product const product{queue,
                        operation.get(),
                        first.get(),
                        second.get(),
                        result.get(),
                        b.data(),
                        a.data(),
                        static_cast<float>(alpha),
                        static_cast<float>(beta)};
  int const alignment = std::min({alignment_of(a), alignment_of(b), alignment_of(c)});
  GemmKey const key{
      row_bucket(c.rows()), c.columns(), inner, ta, tb, a.dtype(), c.dtype(), beta != 0, alignment};
  GemmAlgorithms& algorithms = queue.stream().algorithms();
  GemmAlgorithm const* known = algorithms.find(key);
  if (!known || !runs(product, *known)) {
    algorithms.remember(key, choose(product, c, alignment));
    known = algorithms.find(key);
  }
  product.run(c.data(), std::bit_cast<cublasLtMatmulAlgo_t>(*known));
}
template void gemm<float>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double);
template void gemm<BFloat16>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double,
                             double);

void batched_gemm(Queue& queue, Index count, Transpose transpose_a, ConstView a, Index a_stride,
                  Transpose transpose_b, ConstView b, Index b_stride, View c, Index c_stride,
                  double beta, double alpha) {
  auto const operation = description(transpose_b == Transpose::yes, transpose_a == Transpose::yes);
  auto const first = layout_of(b, count, b_stride), second = layout_of(a, count, a_stride),
             result = layout_of(c, count, c_stride);
  Product const product{queue,
                        operation.get(),
                        first.get(),
                        second.get(),
                        result.get(),
                        b.data(),
                        a.data(),
                        static_cast<float>(alpha),
                        static_cast<float>(beta)};
  Candidates candidates{};
  find_candidates(
      product,
      std::min({alignment_of(a, a_stride), alignment_of(b, b_stride), alignment_of(c, c_stride)}),
      candidates);
  product.run(c.data(), candidates[0].algo);
}

}  // namespace accord::cuda
