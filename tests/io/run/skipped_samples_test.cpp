#include "io/run/skipped_samples.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "parallel/comm/thread_communicator.hpp"

namespace accord::io {
namespace {

TEST(SkippedSamples, OfAllRanksAreListedByPosition) {
  std::vector<std::vector<SkippedSample>> const met{
      {{9, "web", "k9", 4, "first"}, {9, "web", "k5", 5, "then"}},
      {},
      {{3, "web", "caf\xE9", 1, "no \"picture\""}}};
  parallel::ThreadGroup(3).run([&](Communicator& world) {
    Queue queue(Backend::reference);
    auto const all = gather_skipped(queue, world, met[static_cast<std::size_t>(world.rank())]);
    ASSERT_EQ(all.size(), world.rank() == 0 ? 3u : 0u);
    if (world.rank() > 0) return;
    EXPECT_EQ(all[0].position, 3u);
    EXPECT_EQ(all[1].reason, "first");
    EXPECT_EQ(all[2].reason, "then");
    auto const line = nlohmann::json::parse(skipped_line(all[0], 2));
    EXPECT_EQ(line.at("step"), 2);
    EXPECT_EQ(line.at("sample"), 1);
    EXPECT_EQ(line.at("reason"), "no \"picture\"");
  });
}

}  // namespace
}  // namespace accord::io
