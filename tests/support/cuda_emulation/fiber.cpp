#include "tests/support/cuda_emulation/fiber.hpp"

#include <utility>

#ifdef ACCORD_WATCH_ADDRESSES
#include <sanitizer/common_interface_defs.h>
#endif

namespace accord::emulation {
namespace {

// AddressSanitizer knows the stack that runs, or what an exception passed over stays poisoned.
#ifdef ACCORD_WATCH_ADDRESSES
void leave_stack(void** frames, void const* next, std::size_t bytes) {
  __sanitizer_start_switch_fiber(frames, next, bytes);
}
void come_to_stack(void* frames, void const** before, std::size_t* bytes) {
  __sanitizer_finish_switch_fiber(frames, before, bytes);
}
#else
void leave_stack(void**, void const*, std::size_t) {}
void come_to_stack(void*, void const**, std::size_t*) {}
#endif

constexpr std::size_t stack_bytes = 128 << 10;

Fiber* running = nullptr;  // one at a time, on whatever thread

// Apart from where its target was set: in one function the compiler takes them for alternatives.
[[gnu::noipa]] void jump(void** to) { __builtin_longjmp(to, 1); }

}  // namespace

Fiber::Fiber(std::function<void()> body)
    : body_(std::move(body)), stack_(std::make_unique<char[]>(stack_bytes)) {}

void Fiber::start() {
  come_to_stack(nullptr, &running->outer_stack_, &running->outer_bytes_);
  running->body_();
}

void Fiber::enter() {
  entered_by_ = std::exchange(running, this);
  from_ = race::current();
  void* frames = nullptr;
  leave_stack(&frames, stack_.get(), stack_bytes);
  if (__builtin_setjmp(outside_) == 0) {
    race::switch_to(context_);
    if (started_) jump(inside_);
    started_ = true;
    getcontext(&first_);
    first_.uc_stack.ss_sp = stack_.get();
    first_.uc_stack.ss_size = stack_bytes;
    first_.uc_link = nullptr;
    makecontext(&first_, start, 0);
    swapcontext(&unused_, &first_);
  }
  come_to_stack(frames, nullptr, nullptr);
}

void Fiber::leave() {
  Fiber& fiber = *running;
  void* frames = nullptr;
  leave_stack(&frames, fiber.outer_stack_, fiber.outer_bytes_);
  if (__builtin_setjmp(fiber.inside_) == 0) {
    running = fiber.entered_by_;
    race::switch_to(fiber.from_);
    jump(fiber.outside_);
  }
  come_to_stack(frames, &fiber.outer_stack_, &fiber.outer_bytes_);
}

}  // namespace accord::emulation
