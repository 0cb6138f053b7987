#include "core/comm/gather_lists.hpp"

#include <gtest/gtest.h>

#include <string>

#include "parallel/comm/thread_communicator.hpp"

using namespace accord;

namespace {

// What every one of four ranks sees of the lists of all.
template <class List>
void expect_gathered(std::vector<List> const& lists) {
  parallel::ThreadGroup(4).run([&](Communicator& world) {
    Queue queue(Backend::cpu);
    EXPECT_EQ(gather_lists(queue, world, lists[static_cast<std::size_t>(world.rank())]), lists);
  });
}

}  // namespace

TEST(GatherLists, GivesEveryRankTheListsOfAll) {
  expect_gathered<std::string>({"one", "", std::string("t\0wo", 4), "and the longest"});
  expect_gathered<std::vector<Index>>({{1, 2, 3}, {-4}, {}, {5, 6}});
}

TEST(GatherLists, TakesListsThatAreAllEmpty) {
  expect_gathered<std::string>({"", "", "", ""});
  expect_gathered<std::vector<Index>>({{}, {}, {}, {}});
}
