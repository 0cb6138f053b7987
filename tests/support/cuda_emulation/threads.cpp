#include <ucontext.h>

#include <csetjmp>
#include <cstring>
#include <exception>
#include <memory>
#include <stdexcept>
#include <vector>

#include "tests/support/cuda_emulation/emulation.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace accord::emulation {
namespace {

constexpr int warp_size = 32;
constexpr std::size_t stack_bytes = 128 << 10;

/// Counts who has arrived; all go on when everybody who still runs has.
struct Barrier {
  int members = 0, arrived = 0;
  long generation = 0;

  void leave() {
    --members;
    open_if_complete();
  }
  void open_if_complete() {
    if (members == 0 || arrived < members) return;
    arrived = 0;
    ++generation;
  }
};

struct Warp {
  Barrier barrier;
  std::uint64_t values[warp_size];
  std::uint32_t words[warp_size * 8];
};

/// One thread of a block: a stack of its own, entered and left by jumps. It lives through many
/// kernels.
struct Fiber {
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(stack_bytes);
  ucontext_t context;
  jmp_buf inside;
  bool started = false, done = true;
  unsigned index = 0;
};

std::vector<std::unique_ptr<Fiber>> fibers;
std::vector<Warp> warps;
std::vector<unsigned char> shared_memory;
Barrier block_barrier;
std::function<void()> const* job = nullptr;
std::exception_ptr failure;
Fiber* running = nullptr;
jmp_buf scheduler;
ucontext_t scheduler_context;

void leave() {
  if (_setjmp(running->inside) == 0) _longjmp(scheduler, 1);
}

void fiber_main() {
  for (;;) {
    try {
      (*job)();
    } catch (...) {
      failure = std::current_exception();
    }
    running->done = true;
    warps[running->index / warp_size].barrier.leave();
    block_barrier.leave();
    leave();
  }
}

void enter(Fiber& fiber) {
  running = &fiber;
  threadIdx = {fiber.index, 0, 0};
  if (_setjmp(scheduler) != 0) return;
  if (fiber.started) _longjmp(fiber.inside, 1);
  fiber.started = true;
  getcontext(&fiber.context);
  fiber.context.uc_stack.ss_sp = fiber.stack.get();
  fiber.context.uc_stack.ss_size = stack_bytes;
  fiber.context.uc_link = nullptr;
  makecontext(&fiber.context, fiber_main, 0);
  swapcontext(&scheduler_context, &fiber.context);
}

void wait_at(Barrier& barrier) {
  long const generation = barrier.generation;
  ++barrier.arrived;
  barrier.open_if_complete();
  while (barrier.generation == generation) leave();
}

long generations() {
  long sum = block_barrier.generation;
  for (Warp const& warp : warps) sum += warp.barrier.generation;
  return sum;
}

void run_block(int threads, bool backwards) {
  block_barrier = {threads};
  warps.assign(static_cast<std::size_t>((threads + warp_size - 1) / warp_size), Warp{});
  for (int t = 0; t < threads; ++t) {
    ++warps[static_cast<std::size_t>(t / warp_size)].barrier.members;
    fibers[static_cast<std::size_t>(t)]->done = false;
  }
  for (bool alive = true; alive;) {
    long const before = generations();
    alive = false;
    int finished = 0;
    for (int i = 0; i < threads; ++i) {
      Fiber& fiber = *fibers[static_cast<std::size_t>(backwards ? threads - 1 - i : i)];
      if (fiber.done) continue;
      enter(fiber);
      finished += fiber.done;
      alive |= !fiber.done;
    }
    if (failure) return;
    if (alive && finished == 0 && generations() == before)
      throw std::runtime_error("emulated kernel: threads wait at different barriers for ever");
  }
}

}  // namespace

void run_grid(dim3 grid, dim3 block, std::size_t shared_bytes,
              std::function<void()> const& thread) {
  int const threads = static_cast<int>(block.x);
  while (fibers.size() < block.x) {
    fibers.push_back(std::make_unique<Fiber>());
    fibers.back()->index = static_cast<unsigned>(fibers.size() - 1);
  }
  blockDim = block;
  gridDim = grid;
  job = &thread;
  failure = nullptr;
  for (unsigned b = 0; b < grid.x; ++b) {
    blockIdx = {b, 0, 0};
    shared_memory.assign(shared_bytes, 0xff);  // reading what nobody wrote gives NaN
    run_block(threads, b % 2 == 1);
    if (failure) std::rethrow_exception(failure);
  }
}

unsigned char* dynamic_shared() { return shared_memory.data(); }

void synchronize_block() { wait_at(block_barrier); }
void synchronize_warp() { wait_at(warps[running->index / warp_size].barrier); }

std::uint64_t exchange(std::uint64_t value, int mask) {
  Warp& warp = warps[running->index / warp_size];
  unsigned const lane = running->index % warp_size;
  warp.values[lane] = value;
  wait_at(warp.barrier);
  std::uint64_t const theirs = warp.values[lane ^ static_cast<unsigned>(mask)];
  wait_at(warp.barrier);
  return theirs;
}

std::uint32_t const* gather(std::uint32_t const* mine, int words) {
  Warp& warp = warps[running->index / warp_size];
  wait_at(warp.barrier);  // what an earlier call gathered may still be read
  std::memcpy(&warp.words[running->index % warp_size * static_cast<unsigned>(words)], mine,
              static_cast<std::size_t>(words) * sizeof(*mine));
  wait_at(warp.barrier);
  return warp.words;
}

}  // namespace accord::emulation
