#include "core/ops/cuda/gemm.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>
#include <memory>
#include <vector>

#include "core/base/cuda_check.hpp"
#include "core/ops/bias.hpp"
#include "core/ops/cuda/gemm_algorithms.hpp"
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

GemmExtra extra_of(Epilogue const& epilogue) {
  return epilogue.bias          ? GemmExtra::bias
         : epilogue.column_sums ? GemmExtra::column_sums
                                : GemmExtra::none;
}

/// What the caller asked for.
struct Call {
  Transpose transpose_a;
  ConstView a;
  Transpose transpose_b;
  ConstView b;
  View c;
  double beta, alpha;
  Epilogue epilogue;

  bool ta() const { return transpose_a == Transpose::yes; }
  bool tb() const { return transpose_b == Transpose::yes; }
  Index inner() const { return ta() ? a.rows() : a.columns(); }
};

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

GemmKey key_of(Call const& call) {
  int alignment = std::min({alignment_of(call.a), alignment_of(call.b), alignment_of(call.c)});
  if (call.epilogue.bias) alignment = std::min(alignment, alignment_of(call.epilogue.bias));
  return {bucket_of(call.c.rows()),
          bucket_of(call.c.columns()),
          bucket_of(call.inner()),
          call.ta(),
          call.tb(),
          call.a.dtype(),
          call.c.dtype(),
          call.beta != 0,
          alignment,
          extra_of(call.epilogue)};
}

/// The library counts columns first: our row-major [rows, columns] is its [columns, rows].
Owned<cublasLtMatrixLayout_t> layout_of(DType dtype, Index rows, Index columns, Index stride) {
  cublasLtMatrixLayout_t layout = nullptr;
  ACCORD_CUDA(
      cublasLtMatrixLayoutCreate(&layout, type_of(dtype), static_cast<std::uint64_t>(columns),
                                 static_cast<std::uint64_t>(rows), std::max(stride, columns)));
  return Owned<cublasLtMatrixLayout_t>(layout);
}

Owned<cublasLtMatrixLayout_t> layout_of(ConstView view) {
  return layout_of(view.dtype(), view.rows(), view.columns(), view.stride());
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

/// D = alpha first second + beta D in the library's order, in which our B comes first, our bias
/// runs along D's rows and the sums over our A along its columns.
struct Layouts {
  Owned<cublasLtMatrixLayout_t> first, second, result;
};

/// Of operands that stand for all of the key.
Layouts layouts_of(GemmKey const& key) {
  auto const layout = [](DType dtype, Index rows, Index columns) {
    return layout_of(dtype, rows, columns, columns);
  };
  return {key.transpose_b ? layout(key.operand, key.columns, key.inner)
                          : layout(key.operand, key.inner, key.columns),
          key.transpose_a ? layout(key.operand, key.inner, key.rows)
                          : layout(key.operand, key.rows, key.inner),
          layout(key.result, key.rows, key.columns)};
}

/// \param vector  the bias to add, or where the sums go; null for neither
Owned<cublasLtMatmulDesc_t> description(GemmKey const& key, void const* vector) {
  cublasLtMatmulDesc_t made = nullptr;
  ACCORD_CUDA(cublasLtMatmulDescCreate(&made, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  Owned<cublasLtMatmulDesc_t> result(made);
  auto const set = [&](cublasLtMatmulDescAttributes_t attribute, auto const& value) {
    ACCORD_CUDA(cublasLtMatmulDescSetAttribute(made, attribute, &value, sizeof(value)));
  };
  set(CUBLASLT_MATMUL_DESC_TRANSA, key.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, key.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (key.extra != GemmExtra::none) {
    set(CUBLASLT_MATMUL_DESC_EPILOGUE,
        key.extra == GemmExtra::bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_BGRADB);
    set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, vector);
  }
  return result;
}

/// One call, or many of one shape, ready to run with one algorithm or another.
class Product {
 public:
  /// \param vector  the bias to add, or where the sums go, float32; null for neither
  Product(Queue& queue, Call const& call, GemmKey const& key, Layouts layouts,
          void const* vector = nullptr)
      : stream_(queue.stream()),
        call_(call),
        key_(key),
        description_(description(key, vector)),
        layouts_(std::move(layouts)) {}

  void run(void* to, GemmAlgorithm const& chosen) const {
    auto const algorithm = std::bit_cast<cublasLtMatmulAlgo_t>(chosen);
    auto const alpha = static_cast<float>(call_.alpha), beta = static_cast<float>(call_.beta);
    ACCORD_CUDA(cublasLtMatmul(stream_.blas(), description_.get(), &alpha, call_.b.data(),
                               layouts_.first.get(), call_.a.data(), layouts_.second.get(), &beta,
                               to, layouts_.result.get(), to, layouts_.result.get(), &algorithm,
                               stream_.workspace(), Stream::workspace_bytes, stream_.handle()));
  }

  /// An algorithm chosen for the key need not know every shape of its buckets.
  bool runs(GemmAlgorithm const& chosen) const {
    auto const algorithm = std::bit_cast<cublasLtMatmulAlgo_t>(chosen);
    cublasLtMatmulHeuristicResult_t result{};
    return cublasLtMatmulAlgoCheck(stream_.blas(), description_.get(), layouts_.first.get(),
                                   layouts_.second.get(), layouts_.result.get(),
                                   layouts_.result.get(), &algorithm,
                                   &result) == CUBLAS_STATUS_SUCCESS &&
           result.workspaceSize <= Stream::workspace_bytes;
  }

  /// What the library proposes, best first as it thinks, and knows to run on these operands. The
  /// proposals are those for the key, so that every shape of its buckets has the same; only where
  /// none of them runs, those for the shape itself.
  std::vector<GemmAlgorithm> proposals() const {
    std::vector<GemmAlgorithm> proposed = proposals(layouts_of(key_));
    std::erase_if(proposed, [&](GemmAlgorithm const& algorithm) { return !runs(algorithm); });
    return proposed.empty() ? proposals_for_shape() : proposed;
  }
  std::vector<GemmAlgorithm> proposals_for_shape() const { return proposals(layouts_); }

 private:
  std::vector<GemmAlgorithm> proposals(Layouts const& layouts) const {
    cublasLtMatmulPreference_t made = nullptr;
    ACCORD_CUDA(cublasLtMatmulPreferenceCreate(&made));
    Owned<cublasLtMatmulPreference_t> const preference(made);
    auto const set = [&](cublasLtMatmulPreferenceAttributes_t attribute, auto const& value) {
      ACCORD_CUDA(cublasLtMatmulPreferenceSetAttribute(made, attribute, &value, sizeof(value)));
    };
    set(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{Stream::workspace_bytes});
    for (auto const attribute :
         {CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES,
          CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES})
      set(attribute, static_cast<std::uint32_t>(key_.alignment));
    constexpr int most = 8;
    std::array<cublasLtMatmulHeuristicResult_t, most> results{};
    int found = 0;
    // Where it knows nothing for an epilogue, or for a shape, that is an answer.
    cublasStatus_t const status = cublasLtMatmulAlgoGetHeuristic(
        stream_.blas(), description_.get(), layouts.first.get(), layouts.second.get(),
        layouts.result.get(), layouts.result.get(), made, most, results.data(), &found);
    if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
    ACCORD_CUDA(status);
    std::vector<GemmAlgorithm> algorithms;
    static_assert(sizeof(GemmAlgorithm) == sizeof(cublasLtMatmulAlgo_t));
    for (int i = 0; i < found; ++i)
      algorithms.push_back(std::bit_cast<GemmAlgorithm>(results[static_cast<std::size_t>(i)].algo));
    return algorithms;
  }

  Stream& stream_;
  Call const& call_;
  GemmKey const& key_;
  Owned<cublasLtMatmulDesc_t> description_;
  Layouts layouts_;
};

/// Milliseconds of three calls after one that warms up.
float time_of(Stream& stream, auto&& call) {
  struct Timer {
    cudaEvent_t event = nullptr;
    Timer() { ACCORD_CUDA(cudaEventCreate(&event)); }
    ~Timer() { (void)cudaEventDestroy(event); }
  } begin, end;
  call();
  ACCORD_CUDA(cudaEventRecord(begin.event, stream.handle()));
  for (int i = 0; i < 3; ++i) call();
  ACCORD_CUDA(cudaEventRecord(end.event, stream.handle()));
  ACCORD_CUDA(cudaEventSynchronize(end.event));
  float milliseconds = 0;
  ACCORD_CUDA(cudaEventElapsedTime(&milliseconds, begin.event, end.event));
  return milliseconds;
}

/// What the call wants besides the product, after it.
void add_extra(Queue& queue, Call const& call) {
  if (call.epilogue.bias) accord::bias_forward(queue, call.epilogue.bias, call.c);
  if (call.epilogue.column_sums) accord::bias_backward(queue, call.a, call.epilogue.column_sums);
}

template <class T>
void run_apart(Queue& queue, Call const& call) {
  gemm<T>(queue, call.transpose_a, call.a, call.transpose_b, call.b, call.c, call.beta, call.alpha,
          {});
  add_extra(queue, call);
}

/// The fastest of the proposals, or to do without, on these operands and into memory that nobody
/// reads.
template <class T>
GemmChoice fastest(Queue& queue, Product const& product, Call const& call,
                   std::vector<GemmAlgorithm> const& proposals) {
  Stream& stream = queue.stream();
  Index const stride = std::max<Index>(call.c.stride(), call.c.columns());
  Tensor room(queue, call.c.dtype(), Shape{call.c.rows(), stride});
  GemmChoice best;
  float least = std::numeric_limits<float>::infinity();
  for (GemmAlgorithm const& proposed : proposals) {
    float const time = time_of(stream, [&] { product.run(room.view().data(), proposed); });
    if (time < least) least = time, best = proposed;
  }
  if (extra_of(call.epilogue) == GemmExtra::none) return best;
  Tensor sums(queue, DType::float32, call.epilogue.column_sums.shape());
  Call elsewhere = call;
  elsewhere.c = room.view().columns(0, call.c.columns());
  if (call.epilogue.column_sums) elsewhere.epilogue.column_sums = sums;
  float const apart = time_of(stream, [&] { run_apart<T>(queue, elsewhere); });
  return apart < least ? std::nullopt : best;
}

template <class T>
GemmChoice choose(Queue& queue, Product const& product, Call const& call, GemmKey const& key) {
  GemmAlgorithms& algorithms = algorithms_of(queue.stream());
  GemmChoice const* const known = algorithms.find(key);
  if (known && (!*known || product.runs(**known))) return *known;
  std::vector<GemmAlgorithm> const proposals = product.proposals();
  if (proposals.empty()) {
    ACCORD_CHECK(key.extra != GemmExtra::none,
                 "cuBLASLt knows no algorithm for this matrix product");
    return algorithms.remember(key, std::nullopt);
  }
  if (known) return proposals.front();  // the choice stands, but not for this shape
  return algorithms.remember(key, algorithms.timing() ? fastest<T>(queue, product, call, proposals)
                                                      : GemmChoice(proposals.front()));
}

}  // namespace

template <class T>
void gemm(Queue& queue, Transpose transpose_a, ConstView a, Transpose transpose_b, ConstView b,
          View c, double beta, double alpha, Epilogue const& epilogue) {
  Call const call{transpose_a, a, transpose_b, b, c, beta, alpha, epilogue};
  if (c.size() == 0) return add_extra(queue, call);
  if (call.inner() == 0) {  // the library refuses it
    if (beta == 0)
      zero(queue, c);
    else
      accord::scale(queue, beta, c);
    return add_extra(queue, call);
  }
  GemmKey const key = key_of(call);
  Tensor sums;
  if (epilogue.column_sums) sums = Tensor(queue, DType::float32, epilogue.column_sums.shape());
  Product const product(queue, call, key, {layout_of(b), layout_of(a), layout_of(c)},
                        sums ? sums.view().data() : epilogue.bias.data());
  GemmChoice const choice = choose<T>(queue, product, call, key);
  if (!choice) return run_apart<T>(queue, call);
  product.run(c.data(), *choice);
  if (sums) accord::add(queue, sums, epilogue.column_sums);
}
template void gemm<float>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double, double,
                          Epilogue const&);
template void gemm<BFloat16>(Queue&, Transpose, ConstView, Transpose, ConstView, View, double,
                             double, Epilogue const&);

void batched_gemm(Queue& queue, Index count, Transpose transpose_a, ConstView a, Index a_stride,
                  Transpose transpose_b, ConstView b, Index b_stride, View c, Index c_stride,
                  double beta, double alpha) {
  Call const call{transpose_a, a, transpose_b, b, c, beta, alpha, {}};
  GemmKey key = key_of(call);
  key.alignment =
      std::min({alignment_of(a, a_stride), alignment_of(b, b_stride), alignment_of(c, c_stride)});
  Product const product(queue, call, key,
                        {layout_of(b, count, b_stride), layout_of(a, count, a_stride),
                         layout_of(c, count, c_stride)});
  std::vector<GemmAlgorithm> const proposals = product.proposals_for_shape();
  ACCORD_CHECK(!proposals.empty(), "cuBLASLt knows no algorithm for these matrix products");
  product.run(c.data(), proposals.front());
}

}  // namespace accord::cuda
