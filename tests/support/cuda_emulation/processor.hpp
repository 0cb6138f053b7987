#pragma once

#include <exception>
#include <functional>

#include "tests/support/cuda_emulation/fiber.hpp"

namespace accord::emulation {

struct Block;

/// What a stream's work runs on: a stack for the work itself, and one for each thread of a block.
/// Each stream has its own, so that nothing orders the work of two streams by accident.
class Processor {
 public:
  Processor();
  ~Processor();
  /// \throws whatever `work` throws, which is read after race::acquire(this).
  void run(std::function<void()> const& work);

 private:
  std::function<void()> const* work_ = nullptr;
  std::exception_ptr failure_;
  std::unique_ptr<Block> block_;
  Fiber fiber_;
};

}  // namespace accord::emulation
