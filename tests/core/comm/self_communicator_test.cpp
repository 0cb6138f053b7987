#include "core/comm/self_communicator.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "core/tensor/tensor.hpp"

namespace accord {
namespace {

TEST(SelfCommunicator, LeavesEverySumAsItIs) {
  Queue queue(Backend::cpu);
  SelfCommunicator self;
  Tensor x = Tensor::from_host(queue, std::vector<float>{1, 2, 3}), y(queue, DType::float32, {3});
  self.all_reduce(queue, x, Reduce::sum);
  auto const started = self.start_all_reduce(queue, x, Reduce::max);
  EXPECT_TRUE(started->done(queue));
  started->wait(queue);
  self.broadcast(queue, x, 0);
  self.barrier(queue);
  self.all_gather(queue, x, y);
  EXPECT_EQ(to_host<float>(queue, y), (std::vector<float>{1, 2, 3}));
  zero(queue, y);
  self.reduce_scatter(queue, x, y);
  EXPECT_EQ(to_host<float>(queue, y), (std::vector<float>{1, 2, 3}));
  zero(queue, y);
  self.start_reduce_scatter(queue, x, y)->wait(queue);
  EXPECT_EQ(to_host<float>(queue, y), (std::vector<float>{1, 2, 3}));
}

TEST(SelfCommunicator, IsARingOfOneAndAnEndOfAChain) {
  Queue queue(Backend::cpu);
  SelfCommunicator self;
  Tensor x = Tensor::from_host(queue, std::vector<float>{1, 2}), y(queue, DType::float32, {2});
  zero(queue, y);
  self.start_send_receive(queue, x, -1, y, -1)->wait(queue);
  EXPECT_EQ(to_host<float>(queue, y), (std::vector<float>{0, 0}));
  self.start_send_receive(queue, x, 0, y, 0)->wait(queue);
  EXPECT_EQ(to_host<float>(queue, y), (std::vector<float>{1, 2}));
}

TEST(SelfCommunicator, RefusesViewsOfDifferentSize) {
  Queue queue(Backend::cpu);
  SelfCommunicator self;
  Tensor x(queue, DType::float32, {3}), y(queue, DType::float32, {4});
  EXPECT_THROW(self.all_gather(queue, x, y), Error);
}

}  // namespace
}  // namespace accord
