#include "tests/support/cuda_emulation/fiber.hpp"

#include <utility>

namespace accord::emulation {
namespace {

constexpr std::size_t stack_bytes = 128 << 10;

Fiber* running = nullptr;  // one at a time, on whatever thread

// Apart from where its target was set: in one function the compiler takes them for alternatives.
[[gnu::noipa]] void jump(void** to) { __builtin_longjmp(to, 1); }

}  // namespace

Fiber::Fiber(std::function<void()> body)
    : body_(std::move(body)), stack_(std::make_unique<char[]>(stack_bytes)) {}

void Fiber::start() { running->body_(); }

void Fiber::enter() {
  entered_by_ = std::exchange(running, this);
  from_ = race::current();
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
}

void Fiber::leave() {
  Fiber& fiber = *running;
  if (__builtin_setjmp(fiber.inside_) == 0) {
    running = fiber.entered_by_;
    race::switch_to(fiber.from_);
    jump(fiber.outside_);
  }
}

}  // namespace accord::emulation
