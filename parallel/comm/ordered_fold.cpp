#include "parallel/comm/ordered_fold.hpp"

#include <algorithm>
#include <array>

#include "core/base/check.hpp"
#include "core/base/parallel_for.hpp"

namespace accord::parallel {
namespace {

template <class T>
T maximum(T a, T b) {
  return b > a || b != b ? b : a;  // b != b: NaN
}

template <class T>
void fold(Reduce op, std::span<void const* const> sources, T* result, Index count) {
  // Blocks small enough for the first cache, so that the accumulator is written to memory once.
  constexpr Index block = 1024;
  parallel_for((count + block - 1) / block, 16, [&](Index first, Index last) {
    std::array<T, block> sum;
    for (Index at = first * block; at < std::min(last * block, count); at += block) {
      Index const n = std::min(block, count - at);
      std::copy_n(static_cast<T const*>(sources[0]) + at, n, sum.data());
      for (void const* source : sources.subspan(1)) {
        T const* const x = static_cast<T const*>(source) + at;
        if (op == Reduce::sum)
          for (Index i = 0; i < n; ++i) sum[static_cast<std::size_t>(i)] += x[i];
        else
          for (Index i = 0; i < n; ++i)
            sum[static_cast<std::size_t>(i)] = maximum(sum[static_cast<std::size_t>(i)], x[i]);
      }
      std::copy_n(sum.data(), n, result + at);
    }
  });
}

}  // namespace

void ordered_fold(DType dtype, Reduce op, std::span<void const* const> sources, void* result,
                  Index count) {
  switch (dtype) {
    case DType::float64:
      return fold(op, sources, static_cast<double*>(result), count);
    case DType::float32:
      return fold(op, sources, static_cast<float*>(result), count);
    case DType::int32:
      return fold(op, sources, static_cast<std::int32_t*>(result), count);
    case DType::int64:
      return fold(op, sources, static_cast<std::int64_t*>(result), count);
    case DType::uint64:
      return fold(op, sources, static_cast<std::uint64_t*>(result), count);
    case DType::bfloat16:
    case DType::uint8:
      break;
  }
  throw UsageError(fmt::format("{} values cannot be reduced over ranks on the host; use float32",
                               name_of(dtype)));
}

}  // namespace accord::parallel
