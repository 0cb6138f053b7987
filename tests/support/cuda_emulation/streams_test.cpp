// What the emulated device must show of programs that forget to wait.

#include "tests/support/cuda_emulation/streams.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "core/base/device.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {
namespace {

using emulation::order_by;

class StreamsTest : public ::testing::Test {
 protected:
  void TearDown() override { order_by(0); }

  /// Copies in order: host to `middle` on one queue, `middle` to the host on the other, which is
  /// told to wait for the first, or is not.
  float through_two_queues(bool joined, Queue& waited_for, Queue& first, Queue& second) {
    Tensor middle = Tensor::from_host(first, std::vector<float>{0});
    first.wait();
    float const value = 7;
    float result = 0;
    first.stream().copy(middle.view().data(), 4, &value, 4, 4, 1);
    if (joined) {
      cuda::Event written;
      first.stream().record(written);
      second.stream().wait_for(written);
    }
    second.stream().copy(&result, 4, middle.view().data(), 4, 4, 1);
    waited_for.wait();
    second.wait();
    first.wait();
    return result;
  }

  Queue one_{Backend::cuda}, two_{Backend::cuda};
};

TEST_F(StreamsTest, CopiesReadTheHostsMemoryOnlyWhenSomebodyWaits) {
  std::vector<float> host{1};
  Tensor device(one_, DType::float32, Shape{1});
  copy(one_, ConstView(host.data(), DType::float32, Shape{1}), device);
  host[0] = 2;
  EXPECT_EQ(to_host<float>(one_, device)[0], 2);
}

TEST_F(StreamsTest, UploadsTakeTheirValuesWithThem) {
  std::vector<float> host(10'000'000, 1);  // more than both halves of the pinned memory
  Tensor device(one_, DType::float32, Shape{static_cast<Index>(host.size())});
  upload(one_, host.data(), device);
  std::fill(host.begin(), host.end(), 2.f);
  EXPECT_EQ(to_host<float>(one_, device), std::vector<float>(host.size(), 1));
}

TEST_F(StreamsTest, AReaderThatDoesNotWaitForTheWriterIsAheadOfIt) {
  order_by(0);
  EXPECT_EQ(through_two_queues(false, two_, one_, two_), 0);
  EXPECT_EQ(through_two_queues(false, one_, one_, two_), 7);
  order_by(1);
  EXPECT_EQ(through_two_queues(false, one_, one_, two_), 0);
}

TEST_F(StreamsTest, AReaderThatWaitsForTheWriterIsBehindItInEveryOrder) {
  for (unsigned seed = 0; seed < 20; ++seed) {
    order_by(seed);
    EXPECT_EQ(through_two_queues(true, one_, one_, two_), 7) << "seed " << seed;
    EXPECT_EQ(through_two_queues(true, two_, one_, two_), 7) << "seed " << seed;
  }
}

TEST_F(StreamsTest, AnEventMeansItsLatestRecordAtTheTimeOfTheWait) {
  Tensor x = Tensor::from_host(one_, std::vector<float>{0});
  one_.wait();
  float const value = 7;
  float result = 1;
  cuda::Event event;
  two_.stream().wait_for(event);  // never recorded: does not hold anything up
  two_.wait();
  one_.stream().record(event);
  two_.stream().wait_for(event);
  one_.stream().copy(x.view().data(), 4, &value, 4, 4, 1);
  one_.stream().record(event);
  two_.stream().copy(&result, 4, x.view().data(), 4, 4, 1);
  two_.wait();
  EXPECT_EQ(result, 0);
  one_.wait();
}

TEST_F(StreamsTest, WorkOfOneThreadMayWaitForThatOfAnother) {
  bool arrived = false;
  std::thread peer([&] {
    Queue queue(Backend::cuda);
    emulation::enqueue(queue.stream().handle(), [&] { arrived = true; });
    queue.wait();
  });
  bool done = false;
  emulation::enqueue(
      one_.stream().handle(), [&] { return arrived; }, [&] { done = true; });
  one_.wait();
  EXPECT_TRUE(done);
  peer.join();
}

TEST_F(StreamsTest, FreeingMemoryWaitsForAllStreams) {
  bool done = false;
  void* const block = cuda::allocate(16);
  emulation::enqueue(one_.stream().handle(), [&] { done = true; });
  cuda::release(block);
  EXPECT_TRUE(done);
}

}  // namespace
}  // namespace accord
