#include "io/interchange/pickle.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "core/base/error.hpp"
#include "tests/io/interchange/handmade.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::HasSubstr;
using Kind = io::PickleNode::Kind;

namespace {

io::Pickle read(std::string const& bytes) {
  auto const raw_bytes = std::as_bytes(std::span(bytes));
  return io::read_pickle({raw_bytes.begin(), raw_bytes.end()}, "f.pt", [](std::string_view global) {
    return global == "collections OrderedDict" || global == "argparse Namespace";
  });
}

void expect_refused(std::string const& bytes, std::string const& part) {
  try {
    read(bytes);
    ADD_FAILURE() << "accepted: " << part;
  } catch (DataError const& error) {
    EXPECT_THAT(error.what(), HasSubstr("f.pt"));
    EXPECT_THAT(error.what(), HasSubstr(part));
  }
}

using namespace std::string_literals;

}  // namespace

TEST(Pickle, PlainValuesAreReadAsTheyWereMeant) {
  // {"a": [1, -2, 300, 2**40, -1], "b": (None, True, 0.5), "c": "text"}, in opcodes of protocol 4
  io::Pickle const pickle =
      read("\x80\x04\x95"s + u64(60) + "}\x94(\x8c\x01" + "a]\x94(K\x01J" + raw(std::int32_t{-2}) +
           "M\x2c\x01\x8a\x06" + u64(std::uint64_t{1} << 40).substr(0, 6) + "\x8a\x01\xff"s +
           "e\x8c\x01" + "bN\x88G" + "\x3f\xe0\0\0\0\0\0\0"s + "\x87\x8c\x01" + "cX" + u32(4) +
           "textu.");
  io::PickleNode const root = pickle[pickle.root];
  ASSERT_EQ(root.kind, Kind::dict);
  ASSERT_EQ(root.items.size(), 6u);
  EXPECT_EQ(pickle[root.items[0]].text, "a");
  io::PickleNode const list = pickle[root.items[1]];
  ASSERT_EQ(list.items.size(), 5u);
  std::int64_t const expected[] = {1, -2, 300, std::int64_t{1} << 40, -1};
  for (std::size_t i = 0; i < 5; ++i) EXPECT_EQ(pickle[list.items[i]].integer, expected[i]);
  io::PickleNode const tuple = pickle[root.items[3]];
  ASSERT_EQ(tuple.kind, Kind::tuple);
  EXPECT_EQ(pickle[tuple.items[0]].kind, Kind::none);
  EXPECT_EQ(pickle[tuple.items[1]].kind, Kind::boolean);
  EXPECT_EQ(pickle[tuple.items[2]].real, 0.5);
  EXPECT_EQ(pickle[root.items[5]].text, "text");
}

TEST(Pickle, WhatIsSharedIsHeldOnceAndACycleIsNoTrouble) {
  // a = []; a.append(a); (a, a)
  io::Pickle const pickle = read("\x80\x02]q\x01h\x01"s + "ah\x01\x86.");
  io::PickleNode const tuple = pickle[pickle.root];
  ASSERT_EQ(tuple.items.size(), 2u);
  EXPECT_EQ(tuple.items[0], tuple.items[1]);
  EXPECT_EQ(pickle[tuple.items[0]].items[0], tuple.items[0]);
}

TEST(Pickle, CallsAreRecordedAndNotMade) {
  io::Pickle const pickle =
      read(pickle_begin + global("argparse", "Namespace") + ")\x81}" + text("a") + "K\x01sb.");
  io::PickleNode const call = pickle[pickle.root];
  ASSERT_EQ(call.kind, Kind::call);
  EXPECT_EQ(pickle[call.items[0]].text, "argparse Namespace");
  EXPECT_TRUE(pickle[call.items[1]].items.empty());
}

TEST(Pickle, EveryWayToReachAFunctionIsRefusedByItsName) {
  std::string const shell = text("touch /tmp/owned");
  expect_refused(pickle_begin + global("os", "system") + shell + "\x85R.", "it names os.system");
  expect_refused(pickle_begin + global("posix", "system") + shell + "\x85R.", "posix.system");
  expect_refused("\x80\x04\x8c\x02os\x8c\x06system\x93"s + shell + "\x85R.", "os.system");
  expect_refused(pickle_begin + global("builtins", "eval") + text("1") + "\x85R.", "builtins.eval");
  expect_refused(pickle_begin + global("builtins", "getattr") + ".", "builtins.getattr");
  expect_refused(pickle_begin + global("subprocess", "Popen") + ")\x81.", "subprocess.Popen");
  expect_refused(pickle_begin + "(" + shell + "ios\nsystem\n.", "opcode 0x69");  // INST
  expect_refused(pickle_begin + "(" + shell + "o.", "opcode 0x6f");              // OBJ
  expect_refused(pickle_begin + "\x82\x01.", "opcode 0x82");                     // EXT1
  expect_refused(pickle_begin + "P1\n.", "opcode 0x50");                         // PERSID
  // A name that only looks like a harmless one.
  expect_refused(pickle_begin + global("collections", "OrderedDict.__init__.__globals__") + ".",
                 "collections.OrderedDict.__init__");
  // A call of what a call returned, of a text, of a list.
  std::string const made = global("collections", "OrderedDict") + ")R";
  expect_refused(pickle_begin + made + ")R.", "a call of what is no global");
  expect_refused(pickle_begin + text("os system") + ")R.", "a call of what is no global");
  expect_refused(pickle_begin + "])R.", "a call of what is no global");
  expect_refused(pickle_begin + global("collections", "OrderedDict") + "]R.",
                 "a call without a tuple");
  expect_refused(pickle_begin + "]}b.", "a state for what is no object");
}

TEST(Pickle, AMillionNestedListsAreReadAndReleased) {
  constexpr std::size_t depth = 1000000;
  io::Pickle const pickle =
      read(pickle_begin + std::string(depth, ']') + std::string(depth - 1, 'a') + ".");
  EXPECT_EQ(pickle.size(), depth);
}

TEST(Pickle, SharingDoesNotGrowWhatIsHeld) {
  // a0 = []; a(n+1) = [an, an] doubles 200 times if it is copied.
  std::string bytes = pickle_begin + "]q\x01";
  for (int i = 0; i < 200; ++i) bytes += "](h\x01h\x01" + "eq\x01"s;
  EXPECT_EQ(read(bytes + std::string(200, '0') + ".").size(), 201u);
}

/// Kilobytes that a process takes at most which does this.
long peak_of(std::function<void()> const& work) {
  pid_t const child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  return usage.ru_maxrss;
}

TEST(Pickle, TakesAFewTimesItsBytesWhateverIsInIt) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "what the sanitizer adds is not bounded";
#endif
  constexpr std::size_t size = 4 << 20;
  std::string scattered = pickle_begin + "N", classes =
                                                  "\x80\x04\x8c\x0b"
                                                  "collectionsq\x01\x8c\x0bOrderedDictq\x02";
  for (std::uint32_t i = 1; scattered.size() < size; ++i)
    scattered.append("r").append(raw(i * 7919));
  while (classes.size() < size) classes += "h\x01h\x02\x93";
  std::string items = pickle_begin + "]";
  while (items.size() < size) items += "2a";
  long const nothing = peak_of([] {});
  for (std::string const& bytes :
       {"\x80\x04N" + std::string(size, '\x94'), pickle_begin + std::string(size - 2, ']'),
        pickle_begin + "N" + std::string(size, '2'), pickle_begin + "N" + std::string(size, '('),
        pickle_begin + "N" + std::string(size - 3, '\x85'), scattered, classes, items}) {
    long const peak = peak_of([&] {
      try {
        read(bytes + ".");
      } catch (DataError const&) {
      }
    });
    EXPECT_LT((peak - nothing) * 1024, 32 * static_cast<long>(bytes.size())) << bytes.substr(2, 8);
  }
}

TEST(Pickle, HugeCountsAreRefusedWithoutBeingAllocated) {
  expect_refused(pickle_begin + "X" + u32(0xffffffff) + "abc.", "ends early");
  expect_refused("\x80\x04\x8d"s + u64(~std::uint64_t{0}) + "abc.", "ends early");
  expect_refused("\x80\x05\x96"s + u64(std::uint64_t{1} << 62) + ".", "ends early");
  expect_refused(pickle_begin + "\x8b" + u32(0x7fffffff) + ".", "ends early");
  expect_refused("\x80\x04\x95"s + u64(std::uint64_t{1} << 62) + "N.", "a frame without end");
  expect_refused(pickle_begin + "j" + u32(0xffffffff) + ".", "memo 4294967295 is empty");
  EXPECT_NO_THROW(read(pickle_begin + "Nr" + u32(0xffffffff) + "."));
  expect_refused(pickle_begin + std::string((4 << 20) + 1, 'N') + ".", "more than 4194304 values");
  expect_refused(pickle_begin + "c" + std::string(100000, 'x') + "\ny\n.", "a name without end");
}

TEST(Pickle, WhatTakesMoreThanIsThereIsRefused) {
  for (std::string const& bytes :
       {"."s,      "R."s, "N.."s,   "a."s,   "(."s,    "N(a."s, "]Ke."s,
        "t."s,     "u."s, "}(Nu."s, "}NNs"s, "\x86."s, "N(0."s, "b."s,
        "q\x01."s, "2."s, "(1."s,   "Q."s,   "NN."s,   "(N."s,  "](Ks."s})
    EXPECT_THROW(read(pickle_begin + bytes), DataError) << bytes;
  expect_refused("", "ends early");
  expect_refused("(dp0\n.", "protocol 2 to 5");
  expect_refused("\x80\x06N.", "protocol 6");
}
