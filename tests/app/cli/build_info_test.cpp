#include "app/cli/build_info.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <span>

#include "io/file/file.hpp"
#include "io/file/hash.hpp"

using namespace accord;
using namespace accord::app;

TEST(BuildInfo, KnowsTheProgramsFile) {
  std::string const file = io::read_file(std::filesystem::read_symlink("/proc/self/exe"));
  EXPECT_EQ(binary_hash(), io::to_hex(io::hash128(std::as_bytes(std::span(file)))));
}
