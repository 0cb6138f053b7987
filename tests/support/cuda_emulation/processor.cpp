#include "tests/support/cuda_emulation/processor.hpp"

#include <link.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <vector>

#include "tests/support/cuda_emulation/emulation.hpp"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace accord::emulation {
namespace {

constexpr unsigned warp_size = 32;

/// Counts who has arrived; all go on when everybody who still runs has.
struct Barrier {
  int members = 0, arrived = 0;
  long generation = 0;
  char passed[2] = {};  ///< what was done before each second passage, for race

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

/// One thread of a block. It lives through many kernels.
struct Thread {
  explicit Thread(unsigned at) : index(at), fiber([this] { run(); }) {}
  [[noreturn]] void run();

  unsigned index;
  bool done = true;
  Fiber fiber;
};

}  // namespace

/// The one block of a processor that runs.
struct Block {
  // Neighbouring blocks have threads of their own, which nothing orders.
  std::vector<std::unique_ptr<Thread>> threads[race::watched ? 2 : 1];
  std::vector<Warp> warps;
  Barrier barrier;
  std::vector<unsigned char> shared_memory;
  std::function<void()> const* job = nullptr;
  std::exception_ptr failure;
  char launched, over;  ///< for race
};

namespace {

Block* block = nullptr;  // of the work that runs
Thread* running = nullptr;

Warp& warp_of(Thread const& thread) { return block->warps[thread.index / warp_size]; }

void Thread::run() {
  for (;;) {
    race::acquire(&block->launched);
    try {
      (*block->job)();
    } catch (...) {
      block->failure = std::current_exception();
    }
    race::release(&block->over);
    done = true;
    warp_of(*this).barrier.leave();
    block->barrier.leave();
    Fiber::leave();
  }
}

/// Whether the threads see what the others wrote before the barrier.
enum class Fence { memory, none };

void wait_at(Barrier& barrier, Fence fence) {
  long const generation = barrier.generation;
  char const* const passed = &barrier.passed[generation % 2];
  if (fence == Fence::memory) race::release(passed);
  ++barrier.arrived;
  barrier.open_if_complete();
  while (barrier.generation == generation) Fiber::leave();
  if (fence == Fence::memory) race::acquire(passed);
}

long generations() {
  long sum = block->barrier.generation;
  for (Warp const& warp : block->warps) sum += warp.barrier.generation;
  return sum;
}

/// The memory of __shared__ variables: they are thread_local, and the host's thread runs one block
/// at a time.
void forget_shared_variables() {
  dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void*) {
        for (int i = 0; i < object->dlpi_phnum; ++i)
          if (object->dlpi_phdr[i].p_type == PT_TLS)
            race::forget(object->dlpi_tls_data, object->dlpi_phdr[i].p_memsz);
        return 1;  // the first object is the program
      },
      nullptr);
}

/// The block's barriers and shared memory, as if nobody had used them before.
void start_block(unsigned threads, std::size_t shared_bytes) {
  if constexpr (race::watched) {
    race::forget(&block->barrier, sizeof(Barrier));
    race::forget(block->warps.data(), block->warps.size() * sizeof(Warp));
    race::forget(block->shared_memory.data(), block->shared_memory.size());
    forget_shared_variables();
  }
  block->barrier = {static_cast<int>(threads)};
  block->warps.assign((threads + warp_size - 1) / warp_size, Warp{});
  for (unsigned t = 0; t < threads; ++t) ++block->warps[t / warp_size].barrier.members;
  block->shared_memory.assign(shared_bytes, 0xff);  // reading what nobody wrote gives NaN
  race::release(&block->launched);
}

void run_block(std::vector<std::unique_ptr<Thread>>& threads, unsigned count, bool backwards) {
  for (unsigned t = 0; t < count; ++t) threads[t]->done = false;
  for (bool alive = true; alive;) {
    long const before = generations();
    alive = false;
    int finished = 0;
    for (unsigned i = 0; i < count; ++i) {
      Thread& thread = *threads[backwards ? count - 1 - i : i];
      if (thread.done) continue;
      running = &thread;
      threadIdx = {thread.index, 0, 0};
      thread.fiber.enter();
      finished += thread.done;
      alive |= !thread.done;
    }
    if (block->failure) std::rethrow_exception(block->failure);
    if (alive && finished == 0 && generations() == before)
      throw std::runtime_error("emulated kernel: threads wait at different barriers for ever");
  }
}

}  // namespace

void run_grid(dim3 grid, dim3 block_size, std::size_t shared_bytes,
              std::function<void()> const& thread) {
  blockDim = block_size;
  gridDim = grid;
  block->job = &thread;
  block->failure = nullptr;
  for (unsigned b = 0; b < grid.x; ++b) {
    auto& threads = block->threads[b % std::size(block->threads)];
    while (threads.size() < block_size.x)
      threads.push_back(std::make_unique<Thread>(static_cast<unsigned>(threads.size())));
    blockIdx = {b, 0, 0};
    start_block(block_size.x, shared_bytes);
    run_block(threads, block_size.x, b % 2 == 1);
  }
  race::acquire(&block->over);
}

unsigned char* dynamic_shared() { return block->shared_memory.data(); }

void synchronize_block() { wait_at(block->barrier, Fence::memory); }
void synchronize_warp() { wait_at(warp_of(*running).barrier, Fence::memory); }

std::uint64_t exchange(std::uint64_t value, int mask) {
  Warp& warp = warp_of(*running);
  unsigned const lane = running->index % warp_size;
  warp.values[lane] = value;
  wait_at(warp.barrier, Fence::none);
  std::uint64_t const theirs = warp.values[lane ^ static_cast<unsigned>(mask)];
  wait_at(warp.barrier, Fence::none);
  return theirs;
}

std::uint32_t const* gather(std::uint32_t const* mine, int words) {
  Warp& warp = warp_of(*running);
  wait_at(warp.barrier, Fence::none);  // what an earlier call gathered may still be read
  for (int w = 0; w < words; ++w) {
    std::uint32_t volatile& word = warp.words[running->index % warp_size * words + w];
    word = mine[w];  // volatile: or it becomes a memcpy, which race would see
  }
  wait_at(warp.barrier, Fence::none);
  return warp.words;
}

Processor::Processor()
    : block_(std::make_unique<Block>()), fiber_([this] {
        for (;;) {
          try {
            (*work_)();
          } catch (...) {
            failure_ = std::current_exception();
            race::release(this);
          }
          Fiber::leave();
        }
      }) {}

Processor::~Processor() = default;

void Processor::run(std::function<void()> const& work) {
  work_ = &work;
  block = block_.get();
  failure_ = nullptr;
  fiber_.enter();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace accord::emulation
