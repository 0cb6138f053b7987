#include "parallel/comm/checked_communicator.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "core/tensor/tensor.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/parallel/comm/collective_checks.hpp"

namespace accord::parallel {
namespace {

// Every rank makes its call on a checked group of three; returns what the ranks were told.
std::string told(std::function<void(Queue&, GroupCommunicator&)> const& call) {
  std::string message;
  std::atomic<int> ranks = 0;
  ThreadGroup(3).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    CheckedCommunicator group(world.split(0, world.rank()), "data");
    group.barrier(queue);
    try {
      call(queue, group);
    } catch (Error const& error) {
      if (ranks++ == 0) message = error.what();
    }
  });
  EXPECT_TRUE(ranks == 0 || ranks == 3);
  return message;
}

TEST(CheckedCommunicator, PassesMatchingCallsOn) {
  ThreadGroup(3).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    CheckedCommunicator group(world.split(0, world.rank()), "data");
    check_sums_run_in_rank_order(queue, group);
    check_maximum(queue, group);
    check_gather_broadcast_and_barrier(queue, group);
    check_ring(queue, group);
    check_requests_overlap(queue, group);
    check_started_all_reduces(queue, group);
    check_all_reduces_started_apart(queue, group);
    check_split(queue, group);
  });
}

TEST(CheckedCommunicator, NamesASplitThatNotAllRanksMake) {
  EXPECT_EQ(told([](Queue& queue, GroupCommunicator& group) {
              if (group.rank() == 1)
                group.split(0, 0);
              else
                group.barrier(queue);
            }),
            "collective call 2 of the data group: rank 0 makes barrier, rank 1 split");
}

TEST(CheckedCommunicator, NamesCallsOfDifferentKind) {
  EXPECT_EQ(told([](Queue& queue, Communicator& group) {
              Tensor x = Tensor::zeros(queue, DType::float32, Shape{3});
              if (group.rank() == 2)
                group.broadcast(queue, x, 1);
              else
                group.all_reduce(queue, x);
            }),
            "collective call 2 of the data group: rank 0 makes all_reduce of 3 float32 (sum), "
            "rank 2 broadcast of 3 float32 from rank 1");
}

TEST(CheckedCommunicator, NamesCallsOfDifferentSizeOrType) {
  EXPECT_EQ(told([](Queue& queue, Communicator& group) {
              Tensor x = Tensor::zeros(queue, DType::float64, Shape{3 + group.rank() % 2});
              group.all_reduce(queue, x, Reduce::max);
            }),
            "collective call 2 of the data group: rank 0 makes all_reduce of 3 float64 (max), "
            "rank 1 all_reduce of 4 float64 (max)");
  EXPECT_NE(told([](Queue& queue, Communicator& group) {
              Tensor x =
                  Tensor::zeros(queue, group.rank() ? DType::int32 : DType::float32, Shape{3});
              group.broadcast(queue, x, 0);
            }),
            "");
}

TEST(CheckedCommunicator, NamesAllReducesThatAreStartedDifferently) {
  auto const wait = [](Queue& queue, Request& request) { request.wait(queue); };
  auto const ask = [](Queue& queue, Request& request) {
    while (!request.done(queue)) {
    }
  };
  // The second that each rank starts; the last rank's is of a size and an operation of its own.
  auto const started = [](Index size_of_last, Reduce op_of_last, auto const& follow) {
    return told([&](Queue& queue, Communicator& group) {
      bool const last = group.rank() == 2;
      Tensor x = Tensor::zeros(queue, DType::int64, Shape{2});
      Tensor y = Tensor::zeros(queue, DType::int32, Shape{last ? size_of_last : 3});
      auto const first = group.start_all_reduce(queue, x);
      auto const second = group.start_all_reduce(queue, y, last ? op_of_last : Reduce::sum);
      first->wait(queue);
      follow(queue, *second);
    });
  };
  std::string const difference =
      "started all_reduce 2 of the data group: rank 0 makes all_reduce of 3 int32 (sum), rank 2 "
      "all_reduce of ";
  EXPECT_EQ(started(3, Reduce::max, wait), difference + "3 int32 (max)");
  EXPECT_EQ(started(3, Reduce::max, ask), difference + "3 int32 (max)");
  EXPECT_EQ(started(4, Reduce::sum, wait), difference + "4 int32 (sum)");
  EXPECT_EQ(started(4, Reduce::sum, ask), difference + "4 int32 (sum)");
  EXPECT_EQ(started(3, Reduce::sum, ask), "");
}

TEST(CheckedCommunicator, NamesMessagesOfAnotherSizeThanExpected) {
  std::string message;
  ThreadGroup(2).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    CheckedCommunicator group(world.split(0, world.rank()), "pipeline");
    Tensor x = Tensor::zeros(queue, DType::float64, Shape{3 + group.rank()});
    try {
      if (group.rank() == 0)
        group.start_send_receive(queue, x, 1, {}, -1)->wait(queue);
      else
        group.start_send_receive(queue, {}, -1, x, 0)->wait(queue);
    } catch (Error const& error) {
      message = error.what();
    }
  });
  EXPECT_EQ(message,
            "a message of the pipeline group: rank 0 sends 3 float64, the receiver expects 4 "
            "float64");
}

}  // namespace
}  // namespace accord::parallel
