#include "app/cli/progress.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "app/cli/text.hpp"

using namespace accord::app;
using ::testing::HasSubstr;

namespace {

struct FakeTime {
  double now = 100;
  Progress::Clock clock() {
    return [this] { return now; };
  }
};

auto lines_in(std::string const& text) { return std::count(text.begin(), text.end(), '\n'); }

}  // namespace

TEST(Duration, ReadsLikeAClock) {
  EXPECT_EQ(duration(7.4), "0:07");
  EXPECT_EQ(duration(750), "12:30");
  EXPECT_EQ(duration(3 * 3600 + 5 * 60), "3:05:00");
  EXPECT_EQ(duration(2 * 86400 + 4 * 3600 + 59), "2d 04:00");
  EXPECT_EQ(duration(-1), "0:00");
}

TEST(Progress, LinesShowRateAndTimeLeft) {
  std::ostringstream out;
  FakeTime time;
  Progress progress(out, Progress::Style::lines, "step", 100, 0, time.clock());
  time.now += 10;
  progress.show(20, "loss 4.2");
  EXPECT_EQ(out.str(), "step 20/100  2.00 steps/s  0:40 left  loss 4.2\n");
}

TEST(Progress, ResumedWorkCountsOnlyItsOwnInTheRate) {
  std::ostringstream out;
  FakeTime time;
  Progress progress(out, Progress::Style::lines, "step", 100, 50, time.clock());
  time.now += 10;
  progress.show(60);
  EXPECT_THAT(out.str(), HasSubstr("1.00 steps/s  0:40 left"));
}

TEST(Progress, TheEndIsShownOnce) {
  for (std::int64_t const total : {0, 3}) {  // 0: work too small for its unit
    std::ostringstream out;
    FakeTime time;
    Progress progress(out, Progress::Style::lines, "megabyte", total, 0, time.clock());
    for (int i = 0; i < 10; ++i) progress.show(total);
    EXPECT_EQ(lines_in(out.str()), 1);
  }
}

TEST(Progress, LittleWorkIsAMegabyteAndNotNone) {
  EXPECT_EQ(whole_megabytes(0), 0);
  EXPECT_EQ(whole_megabytes(1), 1);
  EXPECT_EQ(whole_megabytes(1000000), 1);
  EXPECT_EQ(whole_megabytes(1000001), 2);
}

TEST(Progress, LinesComeRarely) {
  for (double const step_seconds : {0.001, 0.01, 1.0}) {
    std::ostringstream out;
    FakeTime time;
    Progress progress(out, Progress::Style::lines, "step", 1000, 0, time.clock());
    for (int step = 1; step <= 1000; ++step) {
      time.now += step_seconds;
      progress.show(step);
    }
    EXPECT_GE(lines_in(out.str()), 2);
    EXPECT_LE(lines_in(out.str()), step_seconds < 1 ? 22 : 52);
    EXPECT_THAT(out.str(), HasSubstr("step 1000/1000"));
  }
}

TEST(Progress, SlowWorkStillSpeaksEveryHalfMinute) {
  std::ostringstream out;
  FakeTime time;
  Progress progress(out, Progress::Style::lines, "step", 1000000, 0, time.clock());
  for (int step = 1; step <= 6; ++step) {
    time.now += 31;
    progress.show(step);
  }
  EXPECT_EQ(lines_in(out.str()), 6);
}

TEST(Progress, TheBarRedrawsOneLine) {
  std::ostringstream out;
  FakeTime time;
  {
    Progress progress(out, Progress::Style::terminal, "step", 100, 0, time.clock());
    for (int step = 1; step <= 100; ++step) {
      time.now += 0.05;
      progress.show(step);
    }
    EXPECT_EQ(lines_in(out.str()), 0);
    progress.message("checkpoint saved");
  }
  EXPECT_EQ(lines_in(out.str()), 1);
  std::string const drawn = out.str();
  auto const redraws = std::count(drawn.begin(), drawn.end(), '\r');
  EXPECT_LT(redraws, 40);
}
