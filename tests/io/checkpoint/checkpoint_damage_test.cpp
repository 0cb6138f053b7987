#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "io/checkpoint/verify.hpp"
#include "io/file/file.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;

namespace fs = std::filesystem;

using DamagedCheckpoint = TemporaryFolder;

namespace {

bool verifies(fs::path const& folder) {
  try {
    return verify_checkpoint(open_checkpoint(folder), {}).empty();
  } catch (DataError const&) {
    return false;
  }
}

bool loads(fs::path const& directory) {
  try {
    return load_sample(directory) == 1;
  } catch (Error const& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::data) << error.what();
    return false;
  }
}

}  // namespace

TEST_F(DamagedCheckpoint, IsNeverAccepted) {
  SaveOptions options;
  options.files = 2;
  options.run_bytes = 512;
  fs::path const good = save_sample(folder_ / "good", 1, options);
  ASSERT_TRUE(verifies(good));
  ASSERT_TRUE(loads(folder_ / "good"));
  std::vector<fs::path> files;
  for (auto const& entry : fs::directory_iterator(good)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  ASSERT_EQ(files.size(), 4u);

  std::mt19937_64 random(20240607);
  for (int trial = 0; trial < 500; ++trial) {
    fs::path const path = files[random() % files.size()];
    std::string const original = read_file(path);
    std::size_t const byte = random() % original.size();
    std::string what = path.filename().string() + " byte " + std::to_string(byte);
    std::string content = original;
    if (trial % 4 == 0) {
      content.resize(byte);
      what += " cut";
    } else {
      content[byte] = static_cast<char>(content[byte] ^ (1 << random() % 8));
    }
    auto const put = [&](std::string const& bytes) {
      File file = File::open_write(path);
      file.resize(bytes.size());
      file.write_at(0, std::as_bytes(std::span(bytes)));
    };
    put(content);
    EXPECT_FALSE(verifies(good)) << what;
    EXPECT_FALSE(loads(folder_ / "good")) << what;
    put(original);
  }
  EXPECT_TRUE(verifies(good));
}

TEST_F(DamagedCheckpoint, LackingAFileIsRefused) {
  fs::path const good = save_sample(folder_, 1);
  for (char const* name : {"data-0000.h5", "index.h5", "manifest.json"}) {
    fs::rename(good / name, folder_ / "away");
    EXPECT_FALSE(verifies(good)) << name;
    EXPECT_FALSE(loads(folder_)) << name;
    fs::rename(folder_ / "away", good / name);
  }
  EXPECT_TRUE(loads(folder_));
}
