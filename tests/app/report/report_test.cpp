#include "app/report/report.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <vector>

#include "app/report/chart.hpp"
#include "core/base/error.hpp"
#include "io/run/folder.hpp"
#include "io/run/metrics.hpp"

using namespace accord;
using namespace accord::app;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

/// Whether every tag that opens is closed in order, attributes are quoted and text holds no stray
/// bracket. Enough for what the program writes; the rules of the whole language are not needed.
::testing::AssertionResult well_formed(std::string const& page) {
  std::vector<std::string> open;
  for (std::size_t at = 0; (at = page.find_first_of("<>", at)) != std::string::npos;) {
    if (page[at] == '>')
      return ::testing::AssertionFailure()
             << "stray > at " << page.substr(at > 60 ? at - 60 : 0, 80);
    std::size_t const end = page.find('>', at);
    if (end == std::string::npos) return ::testing::AssertionFailure() << "tag without an end";
    std::string const tag = page.substr(at + 1, end - at - 1);
    at = end + 1;
    if (tag.find('<') != std::string::npos)
      return ::testing::AssertionFailure() << "stray < in " << tag;
    if (tag[0] == '!' || tag.back() == '/') continue;
    if (std::count(tag.begin(), tag.end(), '"') % 2)
      return ::testing::AssertionFailure() << "open quote in " << tag;
    std::string const name =
        tag.substr(tag[0] == '/', tag.find_first_of(" \n", 1) - (tag[0] == '/'));
    if (tag[0] != '/') {
      open.push_back(name);
    } else if (open.empty() || open.back() != name) {
      return ::testing::AssertionFailure()
             << "</" << name << "> closes " << (open.empty() ? "nothing" : open.back());
    } else {
      open.pop_back();
    }
    if (name == "style" && tag[0] != '/')
      at = page.find("</style>", at);  // CSS has brackets of its own
  }
  if (!open.empty()) return ::testing::AssertionFailure() << open.back() << " is never closed";
  return ::testing::AssertionSuccess();
}

class Report : public ::testing::Test {
 protected:
  void SetUp() override {
    std::filesystem::remove_all(run_);
    std::filesystem::create_directories(run_);
  }
  void TearDown() override { std::filesystem::remove_all(run_); }

  void log_steps(int steps) const {
    io::MetricsFile file(run_ / "metrics.jsonl", 0);
    for (std::int64_t step = 1; step <= steps; ++step)
      file.write({{"step", step},
                  {"loss", 10.0 / static_cast<double>(step)},
                  {"itc_loss", 3.0},
                  {"i2t_accuracy", 0.25},
                  {"learning_rate", 1e-3},
                  {"step_seconds", 0.5},
                  {"data_wait_seconds", 0.05},
                  {"samples_per_second", 64.0}});
  }
  void write(std::string const& name, std::string const& text) const {
    std::ofstream(run_ / name) << text;
  }

  std::filesystem::path run_ =
      std::filesystem::temp_directory_path() / "accord_report_test" / "a <run> & more";
};

}  // namespace

TEST_F(Report, IsOneWellFormedPageThatNeedsNothingElse) {
  log_steps(50);
  io::RunFolder const folder(run_);
  folder.begin("[model]\nembed_dim = 64 # <b> & \"c\"\n", "");
  folder.add_event(0, "started <here> & now");
  folder.end({50, "checkpoints/step-00000050", "finished"});
  write(
      "eval-held-out.json",
      R"({"i2t": {"r1": 10.0, "r5": 35.0, "r10": 48.0}, "t2i": {"r1": 7.0, "r5": 27.0, "r10": 45.0}, "count": 89})");
  std::string const page = report_html(run_);
  EXPECT_TRUE(well_formed(page));
  EXPECT_THAT(page, HasSubstr("a &lt;run&gt; &amp; more"));
  EXPECT_THAT(page, HasSubstr("started &lt;here&gt; &amp; now"));
  EXPECT_THAT(page, HasSubstr("eval-held-out"));
  EXPECT_THAT(page, HasSubstr("35.0 %"));
  EXPECT_THAT(page, HasSubstr(">finished<"));
  EXPECT_THAT(page, HasSubstr("embed_dim = 64"));
  EXPECT_THAT(page, Not(HasSubstr("src=")));
  EXPECT_THAT(page, Not(HasSubstr("href=")));
  EXPECT_THAT(page, Not(HasSubstr("url(")));
}

TEST_F(Report, DrawsWhatWasMeasuredOnHeldOutData) {
  log_steps(20);
  EXPECT_THAT(report_html(run_), Not(HasSubstr("held-out data")));
  io::MetricsFile(run_ / "validation.jsonl", 0)
      .write({{"step", std::int64_t{20}}, {"i2t_r1", 25.0}, {"t2i_r1", 75.0}});
  std::string const page = report_html(run_);
  EXPECT_TRUE(well_formed(page));
  EXPECT_THAT(page, HasSubstr("held-out data (R@1)"));
  EXPECT_THAT(page, HasSubstr(">t2i  <tspan class=\"chart-value\">75 %"));
}

TEST_F(Report, OfARunThatIsGoingOnShowsWhatThereIs) {
  log_steps(1);
  std::string const page = report_html(run_);
  EXPECT_TRUE(well_formed(page));
  EXPECT_THAT(page, HasSubstr("no record of an end"));
  EXPECT_THAT(page, Not(HasSubstr("Evaluation")));
}

TEST_F(Report, WithoutMetricsSaysWhatRunMeans) {
  try {
    report_html(run_);
    FAIL();
  } catch (DataError const& error) {
    EXPECT_THAT(error.what(), HasSubstr("log.directory"));
  }
}

TEST_F(Report, LossCurveAloneIsAWellFormedFile) {
  log_steps(30);
  std::string const svg = loss_curve_svg(run_);
  EXPECT_TRUE(well_formed(svg));
  EXPECT_THAT(svg, HasSubstr("xmlns=\"http://www.w3.org/2000/svg\""));
  EXPECT_THAT(svg, HasSubstr("polyline"));
}

TEST(Chart, DrawsAConstantAndASinglePointAndNothing) {
  EXPECT_TRUE(well_formed(to_svg({"constant", {{"a", {1, 2, 3}, {5, 5, 5}}}}, 400, 200)));
  EXPECT_THAT(to_svg({"point", {{"a", {1}, {0}}}}, 400, 200), HasSubstr("<circle"));
  EXPECT_THAT(to_svg({"empty", {{"a", {}, {}}}}, 400, 200), HasSubstr("nothing logged yet"));
  EXPECT_THAT(to_svg({"gap", {{"a", {1, 2}, {std::nan(""), 1}}}}, 400, 200), Not(HasSubstr("nan")));
}

TEST(Chart, LongSeriesAreThinned) {
  Series series{"a", {}, {}};
  for (int i = 0; i < 200000; ++i) {
    series.x.push_back(i);
    series.y.push_back(i % 7);
  }
  EXPECT_LT(to_svg({"long", {series}}, 400, 200).size(), 40000u);
}
