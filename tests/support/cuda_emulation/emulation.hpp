#pragma once
// A CUDA device made of the host's processor, for tests on machines without one: kernels compiled
// as C++ run thread by thread, with the barriers and exchanges of the language. It shows whether
// kernels and the host code around them compute the right thing; it says nothing about speed, nor
// about what only real hardware does. Work is enqueued on streams (streams.hpp) and runs when the
// program waits.

#include <cuda_runtime.h>

#include <cstddef>
#include <functional>

namespace accord::emulation {

/// A kernel, when its turn has come: runs `thread` once for each thread of each block, block after
/// block. The threads of a block take turns at barriers, in one direction and in the other from
/// block to block, so that a missing barrier shows. \throws std::runtime_error when they wait for
/// each other for ever.
void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes, std::function<void()> const& thread);

// What a running thread sees and does.
unsigned char* dynamic_shared();
void synchronize_block();
void synchronize_warp();
/// What lane `lane ^ mask` of the warp gave, 8 bytes.
std::uint64_t exchange(std::uint64_t value, int mask);
/// All lanes' words: word w of lane l is at [l * words + w]. Valid until the warp's next call.
std::uint32_t const* gather(std::uint32_t const* mine, int words);

}  // namespace accord::emulation
