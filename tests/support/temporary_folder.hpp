#pragma once
// A fixture with an empty folder of its own.

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

namespace accord {

/// `folder_` exists and is empty when a test begins and is removed with all it holds when it ends.
class TemporaryFolder : public ::testing::Test {
 public:
  ~TemporaryFolder() override { std::filesystem::remove_all(folder_); }

 protected:
  TemporaryFolder() {
    auto const* test = ::testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::temp_directory_path() /
              ("accord_" + std::string(test->test_suite_name()) + "_" + test->name() + "_" +
               std::to_string(::getpid()));
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
  }

  /// A file of this content, without waiting for the disk.
  static void write_file(std::filesystem::path const& path, std::string const& content) {
    std::ofstream(path, std::ios::binary) << content;
  }

  std::filesystem::path folder_;
};

}  // namespace accord
