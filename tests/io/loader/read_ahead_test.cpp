#include "io/loader/read_ahead.hpp"

#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>

using namespace accord::io;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(ReadAhead, KeepsTheOrderWhenLaterWorkIsDoneFirst) {
  ReadAhead<std::uint64_t> ahead(4, 7, [](std::uint64_t ticket, std::size_t) {
    if (ticket % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return ticket * 10;
  });
  for (std::uint64_t i = 0; i < 60; i += 3)
    EXPECT_THAT(ahead.take(3), ElementsAre(i * 10, i * 10 + 10, i * 10 + 20));
}

TEST(ReadAhead, GivesAllThatItHoldsAtOnce) {
  ReadAhead<std::uint64_t> ahead(2, 3, [](std::uint64_t ticket, std::size_t) { return ticket; });
  EXPECT_THAT(ahead.take(3), ElementsAre(0, 1, 2));
  EXPECT_THAT(ahead.take(1), ElementsAre(3));
  EXPECT_THAT(ahead.take(3), ElementsAre(4, 5, 6));
}

TEST(ReadAhead, NeverRunsFurtherAheadThanItsCapacity) {
  std::atomic<std::uint64_t> taken = 0, furthest = 0;
  ReadAhead<std::uint64_t> ahead(3, 4, [&](std::uint64_t ticket, std::size_t) {
    std::uint64_t const distance = ticket - taken;
    std::uint64_t seen = furthest;
    while (distance > seen && !furthest.compare_exchange_weak(seen, distance)) {
    }
    return ticket;
  });
  for (int i = 0; i < 50; ++i) {
    ahead.take(1);
    ++taken;
    if (i % 10 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  EXPECT_LE(furthest, 4u);  // a slot may be free again before this test has counted what it held
}

TEST(ReadAhead, ThrowsAnErrorWhereItBelongsInTheOrder) {
  ReadAhead<std::uint64_t> ahead(3, 6, [](std::uint64_t ticket, std::size_t) {
    if (ticket == 5) throw std::runtime_error("five");
    return ticket;
  });
  EXPECT_THAT(ahead.take(4), ElementsAre(0, 1, 2, 3));
  EXPECT_THROW(ahead.take(4), std::runtime_error);
  EXPECT_THAT(ahead.take(1), ElementsAre(6));
}

TEST(ReadAhead, EndsAfterItsLastTicket) {
  auto const number = [](std::uint64_t ticket, std::size_t) { return static_cast<int>(ticket); };
  ReadAhead<int> ahead(4, 3, number, 5);
  EXPECT_THAT(ahead.take(3), ElementsAre(0, 1, 2));
  EXPECT_THAT(ahead.take(3), ElementsAre(3, 4));
  EXPECT_THAT(ahead.take(3), IsEmpty());
  ReadAhead<int> empty(1, 1, number, 0);
  EXPECT_THAT(empty.take(1), IsEmpty());
}

TEST(ReadAhead, GivesEachThreadItsOwnNumber) {
  std::vector<std::atomic<int>> busy(3);
  ReadAhead<std::unique_ptr<int>> ahead(3, 8, [&](std::uint64_t, std::size_t worker) {
    EXPECT_EQ(busy.at(worker)++, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    --busy[worker];
    return std::make_unique<int>(1);
  });
  for (int i = 0; i < 40; ++i) EXPECT_EQ(ahead.take(1).size(), 1u);
}
