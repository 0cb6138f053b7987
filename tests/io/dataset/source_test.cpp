#include "io/dataset/source.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

class Collected final : public Sink {
 public:
  bool sample(Candidate candidate) override {
    samples.push_back(std::move(candidate));
    return true;
  }
  void drop(std::string const&, std::string const& key, std::string const& reason,
            std::string const&) override {
    dropped.push_back(key + ": " + reason);
  }
  void ignore(std::string const&, std::string const&) override {}
  void broken_archive(std::string const&) override {}

  std::vector<Candidate> samples;
  std::vector<std::string> dropped;
};

class SourceTest : public TemporaryFolder {
 protected:
  Collected read(Source const& source) const {
    Collected found;
    for (Unit const& unit : source.units(1 << 20)) source.read(unit, found);
    return found;
  }
  std::string deep(int depth) const {
    return std::string(static_cast<std::size_t>(depth), '[') +
           std::string(static_cast<std::size_t>(depth), ']');
  }
};

TEST_F(SourceTest, ACorrectedFileIsAnotherInput) {
  write_file(folder_ / "a.png", "picture");
  write_file(folder_ / "a.txt", "one");
  std::string const before = open_folder(folder_, {})->identity();
  EXPECT_EQ(open_folder(folder_, {})->identity(), before);
  write_file(folder_ / "a.txt", "another");
  std::string const longer = open_folder(folder_, {})->identity();
  EXPECT_NE(longer, before);
  auto const time = std::filesystem::last_write_time(folder_ / "a.txt");
  std::filesystem::last_write_time(folder_ / "a.txt", time + std::chrono::seconds(2));
  EXPECT_NE(open_folder(folder_, {})->identity(), longer);

  for (char const* name : {"a.tar", "a.tsv"}) {
    write_file(folder_ / name, "image_id\timage\tcaption\n");
    auto const identity = [&] {
      return std::string(name) == "a.tar" ? open_tars({folder_ / name}, {})->identity()
                                          : open_tables({folder_ / name}, {})->identity();
    };
    std::string const old = identity();
    std::filesystem::last_write_time(folder_ / name, time + std::chrono::seconds(4));
    EXPECT_NE(identity(), old) << name;
  }
}

TEST_F(SourceTest, LabelsInJsonAreTextsNumbersAndTruthValues) {
  write_file(folder_ / "a.tar", TarFixture()
                                    .add("text.json", R"({"label": "cat"})")
                                    .add("number.json", R"({"label": 7})")
                                    .add("truth.json", R"({"label": true})")
                                    .add("none.json", R"({"label": null})")
                                    .add("list.json", R"({"label": ["cat"]})")
                                    .add("object.json", R"({"label": {"name": "cat"}})")
                                    .end());
  Collected const found = read(*open_tars({folder_ / "a.tar"}, {.label = "label"}));
  ASSERT_EQ(found.samples.size(), 4u);
  EXPECT_EQ(found.samples[0].label, "cat");
  EXPECT_EQ(found.samples[1].label, "7");
  EXPECT_EQ(found.samples[2].label, "true");
  EXPECT_EQ(found.samples[3].label, std::nullopt);
  std::string const reason = ": label that is neither text nor number";
  EXPECT_THAT(found.dropped, ::testing::ElementsAre("list" + reason, "object" + reason));
}

TEST_F(SourceTest, DeepJsonDoesNoHarm) {
  write_file(folder_ / "a.tar",
             TarFixture()
                 .add("a.json", R"({"caption": "fine", "label": )" + deep(200000) + "}")
                 .add("b.json", R"({"caption": "fine", "extra": )" + deep(200000) + "}")
                 .end());
  Collected const found = read(*open_tars({folder_ / "a.tar"}, {.label = "label"}));
  ASSERT_EQ(found.samples.size(), 1u);
  EXPECT_EQ(found.samples[0].key, "b");
  EXPECT_EQ(found.samples[0].items.at("text").at(0), "fine");
  EXPECT_EQ(found.dropped.size(), 1u);
}

}  // namespace
}  // namespace accord::io
