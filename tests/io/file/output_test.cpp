#include "io/file/output.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <string>
#include <thread>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/leased_folder.hpp"
#include "io/file/unfinished_folder.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

namespace fs = std::filesystem;

using OutputTest = TemporaryFolder;

TEST_F(OutputTest, ReplacesAFileAtOnce) {
  write_file(folder_ / "out", "old");
  Output(folder_ / "out", "--out").write("new");
  EXPECT_EQ(read_file(folder_ / "out"), "new");
  EXPECT_EQ(std::distance(fs::directory_iterator(folder_), fs::directory_iterator()), 1);
}

TEST_F(OutputTest, WritesWhatALinkLeadsTo) {
  write_file(folder_ / "file", "old");
  fs::create_directories(folder_ / "below");
  fs::create_symlink(folder_ / "file", folder_ / "below" / "link");
  Output(folder_ / "below" / "link", "--out").write("new");
  EXPECT_TRUE(fs::is_symlink(folder_ / "below" / "link"));
  EXPECT_EQ(read_file(folder_ / "file"), "new");
}

TEST_F(OutputTest, WritesThroughPipesAndDevices) {
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  std::string got(3, '\0');
  std::thread reader([&] {
    int const descriptor = ::open((folder_ / "pipe").c_str(), O_RDONLY);
    EXPECT_EQ(::read(descriptor, got.data(), 3), 3);
    ::close(descriptor);
  });
  Output const pipe(folder_ / "pipe", "--out");
  pipe.write("new");
  reader.join();
  EXPECT_EQ(got, "new");
  EXPECT_TRUE(fs::is_fifo(folder_ / "pipe"));
  EXPECT_THROW(pipe.seekable(), UsageError);
  Output("/dev/null", "--out").write("new");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THROW(Output("/dev/full", "--out").write("new"), IoError);
}

TEST_F(OutputTest, RefusesWhatIsNoPlaceForAFile) {
  EXPECT_THROW(Output("", "--out"), UsageError);
  EXPECT_THROW(Output(folder_, "--out"), UsageError);
  fs::create_symlink(folder_ / "nothing", folder_ / "dangling");
  EXPECT_THROW(Output(folder_ / "dangling", "--out"), IoError);
  EXPECT_THROW(Output(folder_ / "nowhere" / "out", "--out"), IoError);
  EXPECT_THROW(Output("/proc/out", "--out"), IoError);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string const path = folder_ / "s";
  ASSERT_LT(path.size(), sizeof address.sun_path);
  path.copy(address.sun_path, path.size());
  int const made = ::socket(AF_UNIX, SOCK_STREAM, 0);
  ASSERT_EQ(::bind(made, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  EXPECT_THROW(Output(path, "--out"), UsageError);
  ::close(made);
}

TEST_F(OutputTest, FoldersAreLookedAtAndNotMade) {
  require_writable_folder(folder_ / "a" / "b", "log.directory");
  EXPECT_TRUE(fs::is_empty(folder_));
  write_file(folder_ / "file", "");
  fs::create_symlink(folder_ / "nothing", folder_ / "dangling");
  for (fs::path const& path : {fs::path("/proc/nope/ck"), folder_ / "file", folder_ / "file" / "a",
                               folder_ / "dangling", folder_ / "dangling" / "a"})
    try {
      require_writable_folder(path, "log.directory");
      ADD_FAILURE() << path;
    } catch (IoError const& error) {
      EXPECT_NE(std::string(error.what()).find("log.directory"), std::string::npos);
    }
  EXPECT_THROW(require_writable_folder("", "log.directory"), UsageError);
  EXPECT_THROW(require_space(folder_ / "a", std::uint64_t{1} << 62, "tests"), IoError);
  require_space(folder_ / "a", 1, "tests");
}

TEST_F(OutputTest, AMadeFolderThatGetsNothingGoesAgain) {
  auto const quiet = [](std::string const&) {};
  {
    LeasedFolder const held(folder_ / "a", {"below"}, "--out", "accord test", quiet);
    EXPECT_THROW(LeasedFolder(folder_ / "a", {}, "--out", "accord test", quiet), UsageError);
  }
  EXPECT_FALSE(fs::exists(folder_ / "a"));
  {
    LeasedFolder const held(folder_ / "b", {}, "--out", "accord test", quiet);
    write_file(folder_ / "b" / "result", "");
  }
  EXPECT_TRUE(fs::exists(folder_ / "b" / "result"));
}

TEST_F(OutputTest, AnUnfinishedFolderIsMarked) {
  EXPECT_FALSE(UnfinishedFolder::marked(folder_));
  UnfinishedFolder mark(folder_);
  EXPECT_TRUE(UnfinishedFolder::marked(folder_));
  mark.finish();
  EXPECT_FALSE(UnfinishedFolder::marked(folder_));
  EXPECT_TRUE(fs::is_empty(folder_));
}

}  // namespace
}  // namespace accord::io
