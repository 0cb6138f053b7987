#include "io/dataset/tar.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "core/base/error.hpp"
#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Tar : public TemporaryFolder {
 protected:
  TarReader reader(std::string const& bytes) const {
    static int number = 0;  // a new name each time: rewriting a file waits for the disk
    auto const path = folder_ / fmt::format("{}.tar", ++number);
    write_file(path, bytes);
    return TarReader(path);
  }
  /// "name=content" of each member, "name!reason" where it is refused.
  std::vector<std::string> members(std::string const& bytes) const {
    TarReader tar = reader(bytes);
    std::vector<std::string> out;
    while (auto const member = tar.next())
      out.push_back(member->refused.empty() ? member->name + "=" + tar.read(*member, 1000)
                                            : member->name + "!" + member->refused);
    return out;
  }
  std::string error(std::string const& bytes) const {
    try {
      members(bytes);
    } catch (DataError const& error) {
      return error.what();
    }
    return "no error";
  }
};

TEST_F(Tar, ReadsEveryFormOfName) {
  std::string const name(180, 'n');
  TarFixture tar;
  tar.add("a.txt", "alpha").add("b.txt", "", '\0').add("c.txt", "gamma", '0', "some/folder");
  tar.add_pax(name + ".pax", "delta").add_gnu(name + ".gnu", "epsilon").add("./d.txt", "zeta");
  EXPECT_THAT(members(tar.end()),
              ElementsAre("a.txt=alpha", "b.txt=", "some/folder/c.txt=gamma", name + ".pax=delta",
                          name + ".gnu=epsilon", "d.txt=zeta"));
}

TEST_F(Tar, PassesOverFoldersAndRefusesLinksDevicesAndPathsThatLeadOut) {
  TarFixture tar;
  tar.add("folder/", "", '5').add("link", "", '2').add("hard", "", '1').add("device", "", '3');
  tar.add("../up.txt", "x").add("a/../../b.txt", "x").add("/etc/passwd", "x").add("..", "x");
  tar.add("fine..txt", "x").add_pax("a/../../pax.txt", "x");
  EXPECT_THAT(members(tar.end()),
              ElementsAre("link!a symbolic link", "hard!a hard link", "device!a device",
                          "../up.txt!a path that leads out of the archive",
                          "a/../../b.txt!a path that leads out of the archive",
                          "/etc/passwd!an absolute path", "..!a path that leads out of the archive",
                          "fine..txt=x", "a/../../pax.txt!a path that leads out of the archive"));
}

TEST_F(Tar, ReadsBinarySizes) {
  TarFixture tar;
  tar.add("a", std::string(700, 'x'));
  std::string bytes = tar.end();
  std::memset(bytes.data() + 124, 0, 12);
  bytes[124] = '\x80';
  bytes[134] = 700 / 256;
  bytes[135] = static_cast<char>(700 % 256);
  std::memset(bytes.data() + 148, ' ', 8);
  unsigned sum = 0;
  for (int i = 0; i < 512; ++i)
    sum += static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
  std::string const digits = fmt::format("{:06o}", sum);
  std::memcpy(bytes.data() + 148, digits.data(), 6);
  EXPECT_THAT(members(bytes), ElementsAre("a=" + std::string(700, 'x')));
}

TEST_F(Tar, NeedsItsEndMark) {
  TarReader tar = reader(TarFixture().add("a", "x").without_end());
  EXPECT_EQ(tar.next()->name, "a");
  EXPECT_THROW(tar.next(), DataError);
  EXPECT_THAT(error(""), HasSubstr("end mark"));
}

TEST_F(Tar, SaysWhereAnArchiveIsDamaged) {
  TarFixture tar;
  tar.add("a", std::string(600, 'x')).add("b", "y");
  std::string damaged = tar.end();
  damaged[1536 + 3] = '!';  // in the second header
  EXPECT_THAT(error(damaged), HasSubstr("at byte 1536"));
  EXPECT_THAT(error(damaged), HasSubstr("checksum"));
  EXPECT_THAT(error(tar.end().substr(0, 1000)), HasSubstr("truncated"));
  EXPECT_THAT(error(tar.end().substr(0, 1700)), HasSubstr("truncated"));
  EXPECT_THAT(error("\x1F\x8B" + std::string(600, '\x01')), HasSubstr("gzip"));
  EXPECT_THAT(error(std::string(2000, 'z')), HasSubstr("not a tar header"));
}

TEST_F(Tar, LimitsWhatIsRead) {
  TarReader tar = reader(TarFixture().add("a", std::string(600, 'x')).end());
  auto const member = tar.next();
  EXPECT_THROW(tar.read(*member, 599), DataError);
  EXPECT_EQ(tar.read(*member, 600).size(), 600u);
}

TEST_F(Tar, SurvivesAnyDamage) {
  TarFixture tar;
  tar.add("a", std::string(600, 'x'))
      .add_pax(std::string(150, 'p'), "y")
      .add_gnu(std::string(150, 'g'), "z");
  std::string const sound = tar.end();
  std::mt19937 random(3);
  for (int i = 0; i < 150; ++i) {
    std::string damaged = sound;
    for (int k = 0; k < 3; ++k) damaged[random() % damaged.size()] = static_cast<char>(random());
    if (i % 2 == 0) damaged.resize(random() % damaged.size());
    try {
      members(damaged);
    } catch (DataError const&) {  // the only thing it may throw
    }
  }
}

}  // namespace
}  // namespace accord::io
