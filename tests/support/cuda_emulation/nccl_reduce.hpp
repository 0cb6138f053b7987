#pragma once

#include "tests/support/cuda_emulation/nccl_group.hpp"

namespace accord::emulation {

/// Elements [begin, begin + call.count) of the members' windows, reduced into `result`. Sums begin
/// with the last member: an order that is not the CPU's, as a real NCCL's is not either.
/// \throws std::logic_error for a type that is not emulated.
void reduce(NcclGroup& group, NcclCall const& call, std::uint64_t begin, void* result);

}  // namespace accord::emulation
