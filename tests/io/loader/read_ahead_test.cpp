#include "io/loader/read_ahead.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>

using namespace accord::io;

TEST(ReadAhead, KeepsTheOrderWhenLaterWorkIsDoneFirst) {
  ReadAhead<std::uint64_t> ahead(4, 7, [](std::uint64_t ticket, std::size_t) {
    if (ticket % 4 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return ticket * 10;
  });
  for (std::uint64_t i = 0; i < 60; ++i) EXPECT_EQ(*ahead.next(), i * 10);
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
    ahead.next();
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
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_EQ(*ahead.next(), i);
  EXPECT_THROW(ahead.next(), std::runtime_error);
  EXPECT_EQ(*ahead.next(), 6u);
}

TEST(ReadAhead, EndsAfterItsLastTicket) {
  ReadAhead<int> ahead(
      4, 3, [](std::uint64_t ticket, std::size_t) { return int(ticket); }, 5);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ahead.next(), i);
  EXPECT_FALSE(ahead.next());
  EXPECT_FALSE(ahead.next());
  ReadAhead<int> empty(
      1, 1, [](std::uint64_t, std::size_t) { return 1; }, 0);
  EXPECT_FALSE(empty.next());
}

TEST(ReadAhead, GivesEachThreadItsOwnNumber) {
  std::vector<std::atomic<int>> busy(3);
  ReadAhead<std::unique_ptr<int>> ahead(3, 8, [&](std::uint64_t, std::size_t worker) {
    EXPECT_EQ(busy.at(worker)++, 0);
    std::this_thread::sleep_for(std::chrono::microseconds(200));
    --busy[worker];
    return std::make_unique<int>(1);
  });
  for (int i = 0; i < 40; ++i) EXPECT_TRUE(*ahead.next());
}
