#include "io/interchange/zip.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "tests/io/interchange/handmade.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

namespace {

class Zip : public TemporaryFolder {
 protected:
  io::File file(std::string const& content) {
    write_file(folder_ / "a.zip", content);
    return io::File::open_read(folder_ / "a.zip");
  }
  std::vector<io::ZipMember> read(std::string const& content) {
    return io::read_zip_directory(file(content));
  }
  void expect_refused(std::string const& content, std::string const& part) {
    try {
      read(content);
      ADD_FAILURE() << "accepted: " << part;
    } catch (DataError const& error) {
      EXPECT_THAT(error.what(), HasSubstr("a.zip"));
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
};

}  // namespace

TEST_F(Zip, MembersAreFoundInBothForms) {
  for (bool const wide : {false, true}) {
    std::string const content =
        handmade_zip({{.name = "x/data.pkl", .content = "abc", .wide = wide},
                      {.name = "x/data/0", .content = "", .wide = wide},
                      {.name = "x/data/1", .content = "0123456789", .wide = wide}},
                     wide);
    std::vector<io::ZipMember> const members = read(content);
    ASSERT_EQ(members.size(), 3u);
    EXPECT_EQ(members[0].name, "x/data.pkl");
    EXPECT_EQ(content.substr(members[0].data.offset, members[0].data.bytes), "abc");
    EXPECT_EQ(members[1].data.bytes, 0u);
    EXPECT_EQ(content.substr(members[2].data.offset, members[2].data.bytes), "0123456789");
    for (io::ZipMember const& member : members)
      EXPECT_NO_THROW(io::check_crc(file(content), member));
  }
}

TEST_F(Zip, WhatItWritesIsAlignedAndReadsBack) {
  fs::path const path = folder_ / "written.zip";
  std::string const first = "first", second(1000, 'x');
  {
    io::File out = io::File::open_write(path);
    io::ZipWriter writer(out, 64);
    writer.begin("a/first");
    writer.append(std::as_bytes(std::span(first)));
    writer.begin("a/empty");
    writer.begin("a/second");
    writer.append(std::as_bytes(std::span(second)).first(400));
    writer.append(std::as_bytes(std::span(second)).subspan(400));
    writer.finish();
  }
  io::File const written = io::File::open_read(path);
  std::vector<io::ZipMember> const members = io::read_zip_directory(written);
  std::string const content = io::read_file(path);
  ASSERT_EQ(members.size(), 3u);
  EXPECT_EQ(content.substr(members[0].data.offset, members[0].data.bytes), first);
  EXPECT_EQ(content.substr(members[2].data.offset, members[2].data.bytes), second);
  for (io::ZipMember const& member : members) {
    EXPECT_EQ(member.data.offset % 64, 0u);
    EXPECT_NO_THROW(io::check_crc(written, member));
  }
}

TEST_F(Zip, CompressedAndEncryptedMembersAreRefused) {
  expect_refused(handmade_zip({{.name = "bomb", .content = "tiny", .method = 8, .bytes = 1 << 30}}),
                 "bomb is compressed");
  expect_refused(handmade_zip({{.name = "secret", .content = "tiny", .flags = 1}}),
                 "secret is encrypted");
}

TEST_F(Zip, MembersThatOverlapAreRefused) {
  expect_refused(handmade_zip({{"a", "0123456789"}, {.name = "a", .content = "x"}}),
                 "a is there twice");
  expect_refused(handmade_zip({{.name = "a", .content = "0123456789"},
                               {.name = "b", .content = "x", .offset = 0}}),
                 "b has another name in its own header");
  // Two names for the same bytes: the header of the second lies within the first.
  std::string const inner = handmade_zip({{"b", "payload"}});
  expect_refused(handmade_zip({{.name = "a", .content = inner},
                               {.name = "b", .content = "payload", .offset = 31}}),
                 "a and b overlap");
}

TEST_F(Zip, MembersOutsideOfTheFileAreRefused) {
  expect_refused(handmade_zip({{.name = "a", .content = "abc", .offset = 1 << 20}}),
                 "a would lie at bytes");
  HandmadeMember far{.name = "a", .content = "abc", .wide = true};
  far.offset = std::int64_t{1} << 62;
  expect_refused(handmade_zip({far}), "a would lie at bytes");
  // As large as it says in both places, and not there.
  HandmadeMember long_one{.name = "a", .content = "abc", .wide = true};
  long_one.bytes = std::int64_t{1} << 62;
  expect_refused(handmade_zip({long_one}), "a would lie at bytes");
}

TEST_F(Zip, ADirectoryThatDoesNotDescribeTheFileIsRefused) {
  std::string const sound = handmade_zip({{"a", "abc"}});
  std::string many = sound, far = sound;
  many.replace(many.size() - 12, 2, u16(500));
  expect_refused(many, "500 members");
  far.replace(far.size() - 6, 4, u32(1 << 30));
  expect_refused(far, "its directory would lie at 1073741824");
  expect_refused("", "its end is missing");
  expect_refused("PK\3\4 and then nothing", "its end is missing");
}

TEST_F(Zip, EveryCutIsRefused) {
  fs::path const path = folder_ / "a.zip";
  for_each_cut(
      path, handmade_zip({{"a", "abc"}, {"b", "0123456789"}}, true), [&](std::size_t length) {
        EXPECT_THROW(io::read_zip_directory(io::File::open_read(path)), DataError) << length;
      });
}

TEST_F(Zip, EveryBitFlipIsRefusedOrHarmless) {
  fs::path const path = folder_ / "a.zip";
  std::string const sound = handmade_zip({{"a", "abc"}, {"b", "0123456789"}}, true);
  for_each_bit_flip(path, sound, sound.size(), [&](std::size_t bit) {
    try {
      io::File const damaged = io::File::open_read(path);
      std::vector<io::ZipMember> const members = io::read_zip_directory(damaged);
      for (io::ZipMember const& member : members) io::check_crc(damaged, member);
      // Dates, versions and comments may change; what is read may not.
      std::string const content = io::read_file(path);
      ASSERT_EQ(members.size(), 2u) << bit;
      EXPECT_EQ(content.substr(members[0].data.offset, members[0].data.bytes), "abc") << bit;
      EXPECT_EQ(content.substr(members[1].data.offset, members[1].data.bytes), "0123456789") << bit;
    } catch (DataError const&) {
    }
  });
}
