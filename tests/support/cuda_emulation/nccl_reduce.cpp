#include "tests/support/cuda_emulation/nccl_reduce.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <type_traits>

#include "core/base/dtype.hpp"

namespace accord::emulation {
namespace {

template <class T>
T combined(T a, T b, ncclRedOp_t op) {
  if constexpr (std::is_same_v<T, BFloat16>)
    return to_bfloat16(combined(to_float32(a), to_float32(b), op));
  else if (op == ncclSum)
    return a + b;
  else if constexpr (std::is_floating_point_v<T>)
    return std::fmax(a, b);  // of a NaN and a number NCCL takes the number
  else
    return std::max(a, b);
}

/// The members' elements from `begin` on, the last member's first: some order that is not the
/// CPU's.
template <class T>
void fold(NcclGroup& group, NcclCall const& call, std::uint64_t begin, void* result) {
  auto* const to = static_cast<T*>(result);
  for (int rank = group.ranks() - 1; rank >= 0; --rank) {
    auto const* const from = reinterpret_cast<T const*>(group.window(rank)) + begin;
    for (std::uint64_t i = 0; i < call.count; ++i)
      to[i] = rank == group.ranks() - 1 ? from[i] : combined(to[i], from[i], call.op);
  }
}

}  // namespace

void reduce(NcclGroup& group, NcclCall const& call, std::uint64_t begin, void* result) {
  switch (call.type) {
    case ncclFloat64:
      return fold<double>(group, call, begin, result);
    case ncclFloat32:
      return fold<float>(group, call, begin, result);
    case ncclBfloat16:
      return fold<BFloat16>(group, call, begin, result);
    case ncclInt32:
      return fold<std::int32_t>(group, call, begin, result);
    case ncclInt64:
      return fold<std::int64_t>(group, call, begin, result);
    case ncclUint64:
      return fold<std::uint64_t>(group, call, begin, result);
    case ncclUint8:
      return fold<std::uint8_t>(group, call, begin, result);
    default:
      throw std::logic_error("a reduction that is not emulated");
  }
}

}  // namespace accord::emulation
