#include "parallel/comm/agreement.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "parallel/comm/thread_communicator.hpp"

namespace accord::parallel {
namespace {

TEST(Agreement, IsSilentWhenAllRanksAgree) {
  ThreadGroup(3).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    require_agreement(queue, world, {{"binary", "b1946ac9"}, {"train.global_batch", "64"}});
    require_agreement(queue, world, {});
  });
}

TEST(Agreement, NamesTheRankAndTheItemOnEveryRank) {
  std::atomic<int> told = 0;
  ThreadGroup(4).run([&](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    try {
      require_agreement(
          queue, world,
          {{"binary", "b1946ac9"}, {"train.global_batch", world.rank() == 2 ? "128" : "64"}});
    } catch (UsageError const& error) {
      std::string const what = error.what();
      EXPECT_NE(what.find("train.global_batch is '64' on rank 0"), std::string::npos) << what;
      EXPECT_NE(what.find("is '128' on rank 2"), std::string::npos) << what;
      ++told;
    }
  });
  EXPECT_EQ(told, 4);
}

TEST(Agreement, SeesAnItemThatOneRankLacks) {
  EXPECT_THROW(ThreadGroup(2).run([](GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    std::vector<AgreementItem> items{{"seed", "1"}};
    if (world.rank() == 1) items.push_back({"extra", ""});
    require_agreement(queue, world, items);
  }),
               UsageError);
}

}  // namespace
}  // namespace accord::parallel
