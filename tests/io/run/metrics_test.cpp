#include "io/run/metrics.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

using namespace accord;
using namespace accord::io;

namespace {

class Metrics : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  void append(std::string const& text) const { std::ofstream(path_, std::ios::app) << text; }
  std::string content() const { return io::read_file(path_); }

  std::filesystem::path folder_ = std::filesystem::temp_directory_path() / "accord_metrics_test";
  std::filesystem::path path_ = folder_ / "metrics.jsonl";
};

MetricsLine line(std::int64_t step, double loss) { return {{"step", step}, {"loss", loss}}; }

}  // namespace

TEST_F(Metrics, DoublesReadBackToTheSameBits) {
  double const awkward[] = {0.1 + 0.2, 1.0 / 3, 6.02214076e23, 4.9e-324, std::nextafter(1.0, 2.0),
                            -0.0};
  MetricsFile file(path_, 0);
  for (int i = 0; i < 6; ++i) file.write(line(i + 1, awkward[i]));
  MetricsTable const table = read_metrics(path_);
  ASSERT_EQ(table.rows, 6u);
  for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ((*table.find("loss"))[i], awkward[i]);
  EXPECT_EQ(table.names, (std::vector<std::string>{"step", "loss"}));
}

TEST_F(Metrics, NotFiniteBecomesNull) {
  EXPECT_EQ(to_json(line(3, std::nan(""))), "{\"step\": 3, \"loss\": null}\n");
  EXPECT_EQ(to_json(line(3, std::numeric_limits<double>::infinity())),
            "{\"step\": 3, \"loss\": null}\n");
  append(to_json(line(3, std::nan(""))));
  EXPECT_EQ(read_metrics(path_).find("loss"), nullptr);
}

TEST_F(Metrics, ResumeCutsBackToTheCheckpointsStep) {
  {
    MetricsFile file(path_, 0);
    for (int step = 1; step <= 7; ++step) file.write(line(step, step * 0.1));
  }
  MetricsFile file(path_, 4);
  file.write(line(5, 50));
  MetricsTable const table = read_metrics(path_);
  EXPECT_EQ(*table.find("step"), (std::vector<double>{1, 2, 3, 4, 5}));
  EXPECT_EQ(table.find("loss")->back(), 50);
}

TEST_F(Metrics, ALineHalfWrittenByAKillIsCutOff) {
  append(to_json(line(1, 1)) + to_json(line(2, 2)) + "{\"step\": 3, \"lo");
  EXPECT_EQ(read_metrics(path_).rows, 2u);
  MetricsFile(path_, 9).write(line(3, 3));
  EXPECT_EQ(content(), to_json(line(1, 1)) + to_json(line(2, 2)) + to_json(line(3, 3)));
}

TEST_F(Metrics, ANewRunStartsAnew) {
  append(to_json(line(1, 1)));
  MetricsFile(path_, 0).write(line(1, 2));
  EXPECT_EQ(content(), to_json(line(1, 2)));
}

TEST_F(Metrics, MissingFieldsAreGaps) {
  append(
      "{\"step\": 1, \"a\": 1}\n{\"step\": 2, \"b\": 2}\n{\"step\": 3, \"a\": 3, \"note\": "
      "\"text\"}\n");
  MetricsTable const table = read_metrics(path_);
  EXPECT_TRUE(std::isnan((*table.find("a"))[1]));
  EXPECT_TRUE(std::isnan((*table.find("b"))[0]));
  EXPECT_TRUE(std::isnan((*table.find("b"))[2]));
  EXPECT_EQ((*table.find("a"))[2], 3);
}

TEST_F(Metrics, ResumeKeepsGoodLinesWhereverBadOnesStand) {
  std::string const zeros(20, '\0');
  auto const number = [](int step) { return to_json(line(step, step)); };
  // An empty line, zeros after a crash, one that another program wrote; steps out of order.
  append("\n" + number(1) + zeros + "\n" + number(3) + number(2) + "nonsense\n" + number(5) +
         "{\"loss\": 1}\n" + zeros + number(4) + number(6));
  std::vector<std::string> notices;
  MetricsFile(path_, 4, [&](std::string const& text) {
    notices.push_back(text);
  }).write(line(5, 50));
  EXPECT_EQ(content(), "\n" + number(1) + zeros + "\n" + number(3) + number(2) + "nonsense\n" +
                           "{\"loss\": 1}\n" + zeros + number(4) + to_json(line(5, 50)));
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_NE(notices[0].find("metrics.jsonl: line 1 (and 3 others)"), std::string::npos)
      << notices[0];
  MetricsTable const table = read_metrics(path_);
  EXPECT_EQ(table.rows, 6u);  // the one that says no step is one, too
  EXPECT_EQ(table.find("step")->back(), 5);
}

TEST_F(Metrics, ALineThatLacksOnlyItsEndStays) {
  append("{\"step\": 1}\n{\"step\": 2}");
  MetricsFile(path_, 2).write(line(3, 3));
  EXPECT_EQ(content(), "{\"step\": 1}\n{\"step\": 2}\n" + to_json(line(3, 3)));
  append("{\"step\": 4}");
  MetricsFile(path_, 3).write(line(4, 4));
  EXPECT_EQ(*read_metrics(path_).find("step"), (std::vector<double>{1, 2, 3, 4}));
}

TEST_F(Metrics, NothingButGarbageNamesTheLine) {
  append("nonsense\nmore of it\n");
  try {
    read_metrics(path_);
    FAIL();
  } catch (DataError const& error) {
    EXPECT_NE(std::string(error.what()).find("metrics.jsonl:1"), std::string::npos) << error.what();
  }
}

TEST_F(Metrics, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_symlink("/dev/full", path_);
  std::FILE* full = std::fopen("/dev/full", "a");
  ASSERT_NE(full, nullptr);
  std::fclose(full);
  EXPECT_THROW(
      {
        MetricsFile file("/dev/full", 0);
        file.write(line(1, 1));
      },
      IoError);
}
