#include "io/file/lease.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

constexpr LeaseTimes quick{.renewal = 0.05, .stale = 0.5, .settle = 0.1};

class LeaseTest : public TemporaryFolder {
 protected:
  /// What a process leaves that is killed.
  void leave_behind() const {
    pid_t const child = ::fork();
    if (child == 0) {
      new Lease(folder_, "accord first", quick);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
  }
  nlohmann::json content() const {
    return nlohmann::json::parse(read_file(folder_ / "lease.json"));
  }
  void replace(nlohmann::json const& json) const {
    write_file_atomically(folder_ / "lease.json", json.dump());
  }
};

TEST_F(LeaseTest, TheSecondIsRefusedByTheNameOfTheFirst) {
  {
    Lease const lease(folder_, "accord first", quick);
    EXPECT_FALSE(lease.taken_from());
    try {
      Lease const second(folder_, "accord second", quick);
      FAIL();
    } catch (UsageError const& error) {
      EXPECT_NE(std::string(error.what()).find("accord first on "), std::string::npos);
      EXPECT_NE(std::string(error.what()).find(std::to_string(::getpid())), std::string::npos);
    }
    lease.confirm();
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

TEST_F(LeaseTest, OneOfADeadProcessIsTakenOver) {
  leave_behind();
  Lease const lease(folder_, "accord second", quick);
  ASSERT_TRUE(lease.taken_from());
  EXPECT_EQ(lease.taken_from()->purpose, "accord first");
}

TEST_F(LeaseTest, OneOfAnotherMachineIsTakenOnceItIsNotRenewed) {
  leave_behind();
  nlohmann::json json = content();
  json["machine"] = "another";
  replace(json);
  Lease const lease(folder_, "accord second", quick);
  EXPECT_TRUE(lease.taken_from());
}

TEST_F(LeaseTest, OneOfAnotherMachineThatIsRenewedIsHeld) {
  leave_behind();
  nlohmann::json json = content();
  json["machine"] = "another";
  replace(json);
  std::jthread const renewing([&](std::stop_token const& stop) {
    for (int i = 0; !stop.stop_requested(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      json["renewed"] = i;
      replace(json);
    }
  });
  EXPECT_THROW(Lease(folder_, "accord second", quick), UsageError);
}

TEST_F(LeaseTest, OneThatWasCutShortIsTakenOverInTheEnd) {
  write_file_atomically(folder_ / "lease.json", "{\"purpose\": \"acc");
  EXPECT_TRUE(Lease(folder_, "accord second", quick).taken_from());
}

TEST_F(LeaseTest, OfManyTakersOneSucceeds) {
  leave_behind();
  std::atomic<int> holders = 0, refused = 0;
  {
    std::atomic<bool> done = false;
    std::vector<std::jthread> takers;
    for (int i = 0; i < 8; ++i)
      takers.emplace_back([&] {
        try {
          Lease const lease(folder_, "accord", quick);
          ++holders;
          while (!done) std::this_thread::yield();
        } catch (UsageError const&) {
          ++refused;
        }
      });
    while (holders + refused < 8) std::this_thread::yield();
    done = true;
  }
  EXPECT_EQ(holders, 1);
}

TEST_F(LeaseTest, WhoSleptTooLongLearnsIt) {
  Lease const lease(folder_, "accord first", quick);
  nlohmann::json json = content();
  json["token"] = "other";
  replace(json);
  EXPECT_THROW(lease.confirm(), IoError);
}

}  // namespace
}  // namespace accord::io
