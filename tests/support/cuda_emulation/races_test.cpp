// What ThreadSanitizer reports of the emulated device, and what it does not (scripts/sanitize).

#include "tests/support/cuda_emulation/race.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "core/ops/cuda/launch.cuh"
#include "core/tensor/tensor.hpp"

namespace {
int reports = 0;
}
#ifdef ACCORD_WATCH_RACES
extern "C" void __tsan_on_report(void*) { ++reports; }
// These tests want reports. Of one pair of accesses, or one address, there is one only.
extern "C" char const* __tsan_default_options() { return "exitcode=0"; }
#endif

namespace accord::cuda {
namespace {

enum class Join { none, warp, block };

template <Join join>
void join_threads() {
  if (join == Join::warp) __syncwarp();
  if (join == Join::block) __syncthreads();
}

template <Join join>
__global__ void exchange_kernel(float* out) {
  __shared__ float fixed[64];
  auto* const dynamic = reinterpret_cast<float*>(dynamic_shared());
  unsigned const t = threadIdx.x;
  fixed[t] = dynamic[t] = static_cast<float>(t);
  join_threads<join>();
  float const theirs = fixed[t ^ 1u] + dynamic[t ^ 1u];
  if (blockIdx.x == 0) out[t] = theirs;
}

__global__ void shuffle_kernel(float* out) {
  __shared__ float values[32];
  values[threadIdx.x] = 1;
  (void)shuffle_xor(1.f, 1);
  out[threadIdx.x] = values[threadIdx.x ^ 1u];
}

__global__ void atomic_kernel(float* out) { atomicAdd(out, 1); }

__global__ void same_element_kernel(float* out) {
  if (threadIdx.x == blockIdx.x) *out = 1;
}

template <int Case>
__global__ void set_kernel(float* out) {
  out[threadIdx.x] = 1;
}

class RacesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!emulation::race::watched) GTEST_SKIP() << "built without ThreadSanitizer";
    one_.wait();
  }

  template <class... Parameters>
  bool races(void (*kernel)(Parameters...), Geometry const& geometry) {
    return races([&] {
      launch(one_, "a kernel", geometry, kernel, static_cast<float*>(x_.view().data()));
      one_.wait();
    });
  }
  bool races(std::function<void()> const& act) {
    int const before = reports;
    act();
    return reports > before;
  }
  template <int Case>
  void set(Queue& queue, Tensor& x) {
    launch(queue, "set", {1, 64, 0}, set_kernel<Case>, static_cast<float*>(x.view().data()));
  }

  Queue one_{Backend::cuda}, two_{Backend::cuda};
  Tensor x_ = Tensor::zeros(one_, DType::float32, Shape{64});
};

TEST_F(RacesTest, SharedMemoryIsReadBehindABarrier) {
  EXPECT_TRUE(races(exchange_kernel<Join::none>, {1, 64, 256}));
  EXPECT_FALSE(races(exchange_kernel<Join::warp>, {3, 64, 256}));
  EXPECT_FALSE(races(exchange_kernel<Join::block>, {3, 64, 256}));
}

TEST_F(RacesTest, AShuffleIsNoBarrier) { EXPECT_TRUE(races(shuffle_kernel, {1, 32, 0})); }

TEST_F(RacesTest, BlocksOfALaunchDoNotWriteTheSameMemory) {
  EXPECT_TRUE(races(same_element_kernel, {2, 32, 0}));
  EXPECT_FALSE(races(same_element_kernel, {1, 32, 0}));
  EXPECT_FALSE(races(atomic_kernel, {3, 32, 0}));
}

TEST_F(RacesTest, StreamsMeetByEvents) {
  EXPECT_FALSE(races([&] {
    set<0>(one_, x_);
    set<0>(one_, x_);
    Event event;
    one_.stream().record(event);
    two_.stream().wait_for(event);
    set<0>(two_, x_);
    two_.wait();
  }));
  EXPECT_TRUE(races([&] {
    set<0>(one_, x_);
    set<0>(two_, x_);
    one_.wait();
    two_.wait();
  }));
}

TEST_F(RacesTest, ABlockIsReleasedWhenAllStreamsHavePassed) {
  auto const release_and_reuse = [&](bool joined) {
    Tensor first(one_, DType::float32, Shape{64});
    Event made, read;
    one_.stream().record(made);
    two_.stream().wait_for(made);
    set<1>(two_, first);
    two_.stream().record(read);
    if (joined) one_.stream().wait_for(read);
    first = Tensor();
    Tensor second(one_, DType::float32, Shape{64});
    set<1>(one_, second);
    one_.wait();
    two_.wait();
  };
  EXPECT_FALSE(races([&] { release_and_reuse(true); }));
  EXPECT_TRUE(races([&] { release_and_reuse(false); }));
}

TEST_F(RacesTest, TheHostWaitsBeforeItTouchesWhatIsCopied) {
  enum class Copy { up, down };
  auto const copy_then_touch = [&](float(&host)[64], Copy direction, bool waits) {
    View const on_host(host, DType::float32, Shape{64});
    if (direction == Copy::up)
      copy(one_, on_host, x_);
    else
      copy(one_, x_, on_host);
    if (waits) one_.wait();
    host[0] = 3;
    one_.wait();
  };
  float host[3][64] = {};
  EXPECT_FALSE(races([&] { copy_then_touch(host[0], Copy::up, true); }));
  EXPECT_FALSE(races([&] { copy_then_touch(host[0], Copy::down, true); }));
  EXPECT_TRUE(races([&] { copy_then_touch(host[1], Copy::up, false); }));
  EXPECT_TRUE(races([&] { copy_then_touch(host[2], Copy::down, false); }));
}

}  // namespace
}  // namespace accord::cuda
