// The functions of cuBLASLt that the program calls, as plain loops on the emulated device. What an
// epilogue does is what cublasLt.h says: a bias runs along the rows of D and is of D's type; the
// bias gradient of B is its sum over the inner extent, as long as D's columns, of the type of C,
// overwritten.

#include <cublasLt.h>

#include <algorithm>
#include <cstring>

#include "core/base/dtype.hpp"
#include "tests/support/cuda_emulation/streams.hpp"

namespace {

using namespace accord;

struct Description {
  cublasOperation_t first = CUBLAS_OP_N, second = CUBLAS_OP_N;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  void* vector = nullptr;
};
struct Preference {
  std::uint32_t alignment = 256;  ///< the least of all operands
};
struct Layout {
  cudaDataType type;
  std::uint64_t rows, columns;
  std::int64_t stride;
  std::int32_t count = 1;  ///< matrices, batch_stride elements apart
  std::int64_t batch_stride = 0;

  template <class Byte>
  Byte* matrix(Byte* data, std::int32_t index) const {
    return data + index * batch_stride * (type == CUDA_R_16BF ? 2 : 4);
  }
  /// Columns first: (row, column) is element row + column * stride.
  float read(void const* data, std::uint64_t row, std::uint64_t column) const {
    std::uint64_t const at = row + column * static_cast<std::uint64_t>(stride);
    return type == CUDA_R_16BF ? to_float32(static_cast<BFloat16 const*>(data)[at])
                               : static_cast<float const*>(data)[at];
  }
  void write(void* data, std::uint64_t row, std::uint64_t column, float value) const {
    std::uint64_t const at = row + column * static_cast<std::uint64_t>(stride);
    if (type == CUDA_R_16BF)
      static_cast<BFloat16*>(data)[at] = to_bfloat16(value);
    else
      static_cast<float*>(data)[at] = value;
  }
};

template <class Real, class Handle>
Real* real(Handle handle) {
  return reinterpret_cast<Real*>(handle);
}

}  // namespace

std::size_t cublasLtGetVersion() { return 130000; }
char const* cublasLtGetStatusName(cublasStatus_t) { return "CUBLAS_STATUS_OF_THE_EMULATION"; }
char const* cublasLtGetStatusString(cublasStatus_t) { return "an error of the emulated library"; }

cublasStatus_t cublasLtCreate(cublasLtHandle_t* handle) {
  *handle = reinterpret_cast<cublasLtHandle_t>(new char);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete real<char>(handle);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t* made, cublasComputeType_t,
                                        cudaDataType_t) {
  *made = reinterpret_cast<cublasLtMatmulDesc_t>(new Description);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t made) {
  delete real<Description>(made);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t made,
                                              cublasLtMatmulDescAttributes_t attribute,
                                              void const* value, std::size_t bytes) {
  auto& description = *real<Description>(made);
  auto const set = [&](auto& to) {
    if (bytes != sizeof(to)) return CUBLAS_STATUS_INVALID_VALUE;
    std::memcpy(&to, value, bytes);
    return CUBLAS_STATUS_SUCCESS;
  };
  switch (attribute) {
    case CUBLASLT_MATMUL_DESC_TRANSA:
      return set(description.first);
    case CUBLASLT_MATMUL_DESC_TRANSB:
      return set(description.second);
    case CUBLASLT_MATMUL_DESC_EPILOGUE:
      return set(description.epilogue);
    case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
      return set(description.vector);
    default:
      return CUBLAS_STATUS_NOT_SUPPORTED;
  }
}
cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t* made, cudaDataType type,
                                          std::uint64_t rows, std::uint64_t columns,
                                          std::int64_t stride) {
  if (stride < static_cast<std::int64_t>(rows)) return CUBLAS_STATUS_INVALID_VALUE;
  *made = reinterpret_cast<cublasLtMatrixLayout_t>(new Layout{type, rows, columns, stride});
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutSetAttribute(cublasLtMatrixLayout_t layout,
                                                cublasLtMatrixLayoutAttribute_t attribute,
                                                void const* value, std::size_t bytes) {
  Layout& of = *real<Layout>(layout);
  if (attribute == CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT && bytes == sizeof(of.count))
    std::memcpy(&of.count, value, bytes);
  else if (attribute == CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET &&
           bytes == sizeof(of.batch_stride))
    std::memcpy(&of.batch_stride, value, bytes);
  else
    return CUBLAS_STATUS_INVALID_VALUE;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t made) {
  delete real<Layout>(made);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t* made) {
  *made = reinterpret_cast<cublasLtMatmulPreference_t>(new Preference);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t made) {
  delete real<Preference>(made);
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t made,
                                                    cublasLtMatmulPreferenceAttributes_t attribute,
                                                    void const* value, std::size_t) {
  if (attribute != CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES) {
    auto& alignment = real<Preference>(made)->alignment;
    alignment = std::min(alignment, *static_cast<std::uint32_t const*>(value));
  }
  return CUBLAS_STATUS_SUCCESS;
}
// It has no algorithm with an epilogue for operands that are not aligned: callers must manage.
cublasStatus_t cublasLtMatmulAlgoGetHeuristic(cublasLtHandle_t, cublasLtMatmulDesc_t made,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                              cublasLtMatmulPreference_t preference, int,
                                              cublasLtMatmulHeuristicResult_t results[],
                                              int* found) {
  *found = 0;
  if (real<Description>(made)->epilogue != CUBLASLT_EPILOGUE_DEFAULT &&
      real<Preference>(preference)->alignment < 16)
    return CUBLAS_STATUS_NOT_SUPPORTED;
  results[0] = results[1] = {};
  results[1].algo.data[0] = 1;
  *found = 2;
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmulAlgoCheck(cublasLtHandle_t, cublasLtMatmulDesc_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       cublasLtMatrixLayout_t, cublasLtMatrixLayout_t,
                                       cublasLtMatmulAlgo_t const*,
                                       cublasLtMatmulHeuristicResult_t* result) {
  *result = {};
  return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasLtMatmul(cublasLtHandle_t, cublasLtMatmulDesc_t made, void const* alpha,
                              void const* a, cublasLtMatrixLayout_t a_layout, void const* b,
                              cublasLtMatrixLayout_t b_layout, void const* beta, void const* c,
                              cublasLtMatrixLayout_t c_layout, void* d,
                              cublasLtMatrixLayout_t d_layout, cublasLtMatmulAlgo_t const*, void*,
                              std::size_t, cudaStream_t stream) {
  auto const& description = *real<Description>(made);
  Layout const first = *real<Layout>(a_layout), second = *real<Layout>(b_layout);
  Layout const old = *real<Layout>(c_layout), result = *real<Layout>(d_layout);
  bool const ta = description.first == CUBLAS_OP_T, tb = description.second == CUBLAS_OP_T;
  std::uint64_t const m = ta ? first.columns : first.rows, inner = ta ? first.rows : first.columns;
  std::uint64_t const n = tb ? second.rows : second.columns;
  if (inner != (tb ? second.columns : second.rows) || result.rows != m || result.columns != n ||
      first.count != result.count || second.count != result.count || old.count != result.count)
    return CUBLAS_STATUS_INVALID_VALUE;
  bool const bias = description.epilogue == CUBLASLT_EPILOGUE_BIAS;
  bool const sums = description.epilogue == CUBLASLT_EPILOGUE_BGRADB;
  void* const of_vector = description.vector;
  if ((bias || sums) != (of_vector != nullptr)) return CUBLAS_STATUS_INVALID_VALUE;
  Layout const vector{result.type, bias ? m : n, 1, 0};
  float const factor = *static_cast<float const*>(alpha), kept = *static_cast<float const*>(beta);
  cudaError_t const code = emulation::enqueue(stream, [=] {
    for (std::int32_t batch = 0; batch < result.count; ++batch) {
      auto const* const of_a = first.matrix(static_cast<std::byte const*>(a), batch);
      auto const* const of_b = second.matrix(static_cast<std::byte const*>(b), batch);
      auto const* const of_c = old.matrix(static_cast<std::byte const*>(c), batch);
      auto* const of_d = result.matrix(static_cast<std::byte*>(d), batch);
      for (std::uint64_t j = 0; j < n; ++j)
        for (std::uint64_t i = 0; i < m; ++i) {
          float sum = 0;
          for (std::uint64_t k = 0; k < inner; ++k)
            sum += (ta ? first.read(of_a, k, i) : first.read(of_a, i, k)) *
                   (tb ? second.read(of_b, j, k) : second.read(of_b, k, j));
          float value = factor * sum + (kept == 0 ? 0 : kept * old.read(of_c, i, j));
          if (bias) value += vector.read(of_vector, i, 0);
          result.write(of_d, i, j, value);
        }
      for (std::uint64_t j = 0; sums && j < n; ++j) {
        float sum = 0;
        for (std::uint64_t k = 0; k < inner; ++k)
          sum += tb ? second.read(of_b, j, k) : second.read(of_b, k, j);
        vector.write(of_vector, j, 0, sum);
      }
    }
  });
  return code == cudaSuccess ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_EXECUTION_FAILED;
}
