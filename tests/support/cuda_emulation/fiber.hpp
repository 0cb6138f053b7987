#pragma once

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>

#include "tests/support/cuda_emulation/race.hpp"

namespace accord::emulation {

/// A function on a stack of its own, entered and left by jumps. One may enter another, which then
/// leaves to it.
class Fiber {
 public:
  /// `body` does not return.
  explicit Fiber(std::function<void()> body);
  Fiber(Fiber const&) = delete;
  Fiber& operator=(Fiber const&) = delete;

  /// Runs it until it leaves.
  void enter();
  /// Back to whoever entered the running fiber.
  static void leave();

 private:
  static void start();

  std::function<void()> body_;
  std::unique_ptr<char[]> stack_;
  ucontext_t first_, unused_;
  void* inside_[5];  // of __builtin_setjmp: unlike the library's, no sanitizer looks into it
  void* outside_[5];
  race::Context context_ = race::make_context(), from_{};
  Fiber* entered_by_ = nullptr;
  void const* outer_stack_ = nullptr;  // of whoever entered it
  std::size_t outer_bytes_ = 0;
  bool started_ = false;
};

}  // namespace accord::emulation
