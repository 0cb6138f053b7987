#include "io/file/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <set>
#include <string>

#include "core/base/as_error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace {

std::set<std::filesystem::path> synced;

}  // namespace

/// In the place of the C library's: notes what is synced.
extern "C" int fsync(int descriptor) {
  synced.insert(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(descriptor)));
  return static_cast<int>(::syscall(SYS_fsync, descriptor));
}

namespace accord::io {
namespace {

using FileTest = TemporaryFolder;

TEST_F(FileTest, OnlyRegularFilesAreRead) {
  write_file_atomically(folder_ / "file", "content");
  EXPECT_EQ(read_file(folder_ / "file"), "content");
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  for (std::filesystem::path const& path :
       {folder_, folder_ / "pipe", folder_ / "missing", folder_ / "file" / "below"})
    EXPECT_THROW(File::open_read(path), DataError) << path;
}

TEST_F(FileTest, AFailingFileSystemIsAnIoError) {
  try {
    (void)std::filesystem::file_size(folder_ / "missing");
    FAIL();
  } catch (std::exception const&) {
    EXPECT_EQ(as_error(std::current_exception()).exit_code(), ExitCode::io);
  }
}

TEST_F(FileTest, AMoveIsDurableInBothFolders) {
  std::filesystem::path const from = std::filesystem::canonical(folder_), to = from / "below";
  std::filesystem::create_directory(to);
  write_file_atomically(from / "file", "content");
  synced.clear();
  rename_durably(from / "file", to / "file");
  EXPECT_EQ(synced, (std::set{from, to}));
  EXPECT_EQ(read_file(to / "file"), "content");
}

}  // namespace
}  // namespace accord::io
