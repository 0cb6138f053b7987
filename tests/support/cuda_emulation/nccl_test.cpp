// What the emulated NCCL must show of programs whose ranks do not agree. Ranks are threads.

#include <gtest/gtest.h>
#include <nccl.h>

#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "core/base/device.hpp"
#include "core/tensor/tensor.hpp"
#include "tests/support/cuda_emulation/streams.hpp"

namespace accord {
namespace {

class NcclTest : public ::testing::Test {
 protected:
  void SetUp() override { emulation::device_count = 3; }
  void TearDown() override {
    emulation::device_count = 1;
    emulation::patience = patience_;
    emulation::take_failure();
  }

  struct Rank {
    int rank;
    Queue& queue;
    ncclComm_t comm;
    std::barrier<>& all;
    cudaStream_t stream() const { return queue.stream().handle(); }
    Tensor floats(std::vector<float> const& values) const {
      return Tensor::from_host(queue, values);
    }
    std::vector<float> values(Tensor const& x) const { return to_host<float>(queue, x); }
  };

  /// Each rank with a device of its own.
  template <class Body>
  void run(int ranks, Body const& body) {
    ncclUniqueId id;
    ASSERT_EQ(ncclGetUniqueId(&id), ncclSuccess);
    std::barrier all(ranks);
    std::vector<std::jthread> threads;
    for (int rank = 0; rank < ranks; ++rank)
      threads.emplace_back([&, rank] {
        cuda::select_device(rank);
        Queue queue(Backend::cuda);
        ncclComm_t comm = nullptr;
        ASSERT_EQ(ncclCommInitRank(&comm, ranks, id, rank), ncclSuccess);
        body(Rank{rank, queue, comm, all});
        (void)ncclCommAbort(comm);
      });
  }

  /// What a rank that waits for its queue is told.
  static std::string told(Queue& queue) {
    try {
      queue.wait();
      return "nothing";
    } catch (Error const& error) {
      return error.what();
    }
  }

  std::chrono::seconds const patience_ = emulation::patience;
};

TEST_F(NcclTest, NamesTheMembersWhoseCallsDiffer) {
  run(3, [](Rank const& r) {
    Tensor x = r.floats({1, 2, 3, 4});
    float* const data = x.view().as<float>();
    std::size_t const count = r.rank == 2 ? 2 : 4;
    ncclAllReduce(data, data, count, ncclFloat32, ncclSum, r.comm, r.stream());
    std::string const why = told(r.queue);
    EXPECT_NE(why.find("rank 0 makes ncclAllReduce of 4 float32 (sum), rank 2 ncclAllReduce of 2"),
              std::string::npos)
        << why;
    r.all.arrive_and_wait();
  });
}

TEST_F(NcclTest, NamesAMessageThatIsNotTheOneExpected) {
  run(2, [](Rank const& r) {
    Tensor x = r.floats({1, 2});
    if (r.rank == 0)
      ncclSend(x.view().data(), 2, ncclFloat32, 1, r.comm, r.stream());
    else
      ncclRecv(x.view().data(), 1, ncclFloat32, 0, r.comm, r.stream());
    std::string const why = told(r.queue);
    EXPECT_NE(why.find("rank 0 makes ncclSend of 2 float32 to rank 1, rank 1 ncclRecv of 1 float32 "
                       "from rank 0"),
              std::string::npos)
        << why;
    r.all.arrive_and_wait();
  });
}

TEST_F(NcclTest, MessagesOutsideAGroupWaitForEachOtherForEver) {
  emulation::patience = std::chrono::seconds{1};
  run(2, [](Rank const& r) {
    Tensor x = r.floats({1}), y = r.floats({0});
    ncclSend(x.view().data(), 1, ncclFloat32, 1 - r.rank, r.comm, r.stream());
    ncclRecv(y.view().data(), 1, ncclFloat32, 1 - r.rank, r.comm, r.stream());
    std::string const why = told(r.queue);
    EXPECT_NE(why.find("for ever"), std::string::npos) << why;
    EXPECT_NE(why.find("rank 0 is in ncclSend of 1 float32 to rank 1, rank 1 is in ncclSend of 1 "
                       "float32 to rank 0"),
              std::string::npos)
        << why;
    r.all.arrive_and_wait();
  });
}

TEST_F(NcclTest, MessagesOfAGroupDoNotWaitForEachOther) {
  run(2, [](Rank const& r) {
    Tensor x = r.floats({1 + static_cast<float>(r.rank)}), y = r.floats({0});
    ncclGroupStart();
    ncclSend(x.view().data(), 1, ncclFloat32, 1 - r.rank, r.comm, r.stream());
    ncclRecv(y.view().data(), 1, ncclFloat32, 1 - r.rank, r.comm, r.stream());
    ncclGroupEnd();
    EXPECT_EQ(r.values(y), std::vector<float>{2 - static_cast<float>(r.rank)});
    r.all.arrive_and_wait();
  });
}

TEST_F(NcclTest, AMessageLeavesWhenItsReceiverHasCome) {
  run(2, [](Rank const& r) {
    Tensor x = r.floats({7});
    r.queue.wait();
    if (r.rank == 0) {
      ncclSend(x.view().data(), 1, ncclFloat32, 1, r.comm, r.stream());
      EXPECT_EQ(cudaStreamQuery(r.stream()), cudaErrorNotReady);
      EXPECT_EQ(cudaStreamQuery(r.stream()), cudaErrorNotReady);
    }
    r.all.arrive_and_wait();
    if (r.rank == 1) ncclRecv(x.view().data(), 1, ncclFloat32, 0, r.comm, r.stream());
    EXPECT_EQ(told(r.queue), "nothing");
    r.all.arrive_and_wait();
  });
}

TEST_F(NcclTest, RefusesHostMemoryAndBuffersThatOverlap) {
  run(2, [](Rank const& r) {
    float host[2] = {};
    EXPECT_EQ(ncclAllReduce(host, host, 2, ncclFloat32, ncclSum, r.comm, r.stream()),
              ncclInvalidArgument);
    Tensor x = r.floats({1, 2, 3, 4});
    auto* const data = x.view().as<float>();
    EXPECT_EQ(ncclAllReduce(data, data + 1, 2, ncclFloat32, ncclSum, r.comm, r.stream()),
              ncclInvalidArgument);
    // The other rank's part of what is gathered.
    EXPECT_EQ(ncclAllGather(data + 2 * (1 - r.rank), data, 2, ncclFloat32, r.comm, r.stream()),
              ncclInvalidArgument);
    EXPECT_EQ(ncclSend(data, 2, ncclFloat32, 2, r.comm, r.stream()), ncclInvalidArgument);
    EXPECT_EQ(ncclAllGather(data + 2 * r.rank, data, 2, ncclFloat32, r.comm, r.stream()),
              ncclSuccess);
    EXPECT_EQ(told(r.queue), "nothing");
    r.all.arrive_and_wait();
  });
}

TEST_F(NcclTest, RefusesTwoRanksOnOneDeviceAndARankThatComesTwice) {
  ncclUniqueId shared, twice;
  ncclGetUniqueId(&shared);
  ncclGetUniqueId(&twice);
  std::vector<std::jthread> threads;
  for (int rank = 0; rank < 2; ++rank)
    threads.emplace_back([&, rank] {
      ncclComm_t comm;
      EXPECT_EQ(ncclCommInitRank(&comm, 2, shared, rank), ncclInvalidUsage);
    });
  ncclComm_t comm;
  ASSERT_EQ(ncclCommInitRank(&comm, 1, twice, 0), ncclSuccess);
  EXPECT_NE(ncclCommInitRank(&comm, 1, twice, 0), ncclSuccess);
}

TEST_F(NcclTest, AbortedCallsEndAndThePeersAreTold) {
  run(2, [](Rank const& r) {
    Tensor x = r.floats({1});
    auto* const data = x.view().as<float>();
    ncclResult_t state = ncclSuccess;
    if (r.rank == 0) {
      ncclSend(data, 1, ncclFloat32, 1, r.comm, r.stream());
      EXPECT_EQ(cudaStreamQuery(r.stream()), cudaErrorNotReady);
      ncclCommAbort(r.comm);
      EXPECT_EQ(told(r.queue), "nothing");
      EXPECT_EQ(ncclSend(data, 1, ncclFloat32, 1, r.comm, r.stream()), ncclInvalidArgument);
    }
    r.all.arrive_and_wait();
    if (r.rank == 1) {
      EXPECT_EQ(ncclCommGetAsyncError(r.comm, &state), ncclSuccess);
      EXPECT_EQ(state, ncclRemoteError);
      // It would have come, and is lost.
      ncclRecv(data, 1, ncclFloat32, 0, r.comm, r.stream());
      EXPECT_EQ(cudaStreamQuery(r.stream()), cudaErrorNotReady);
    }
    r.all.arrive_and_wait();
  });
}

}  // namespace
}  // namespace accord
