// What AddressSanitizer finds in kernels on the emulated device (scripts/sanitize).

#include <gtest/gtest.h>

#include "core/base/device.hpp"
#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

__global__ void set_kernel(char* out) { out[threadIdx.x] = 1; }

class OverrunsTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "built without AddressSanitizer";
#endif
  }
  void set(char* out, int count) {
    launch(queue_, "set", {1, count, 0}, set_kernel, out);
    queue_.wait();
  }

  Queue queue_{Backend::cuda};
};

TEST_F(OverrunsTest, AKernelStaysWithinItsBlock) {
  for (int bytes : {1, 100, 4095, 4096}) {
    auto* const block = static_cast<char*>(allocate(static_cast<std::size_t>(bytes)));
    int const threads = std::min(bytes, 128);
    set(block + bytes - threads, threads);
    EXPECT_DEATH(set(block + bytes - threads + 1, threads), "AddressSanitizer") << bytes;
    release(block);
  }
}

TEST_F(OverrunsTest, AKernelKeepsAwayFromReleasedBlocks) {
  auto* const block = static_cast<char*>(allocate(64));
  release(block);
  EXPECT_DEATH(set(block, 1), "AddressSanitizer");
}

}  // namespace
}  // namespace accord::cuda
