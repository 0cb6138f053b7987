#include "io/file/file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "core/base/as_error.hpp"
#include "tests/support/temporary_folder.hpp"

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

}  // namespace
}  // namespace accord::io
