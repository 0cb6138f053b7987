#include "io/dataset/build.hpp"

#include <gtest/gtest.h>

#include "io/dataset/png_encode.hpp"
#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

class InterruptedBuild : public TemporaryFolder {
 protected:
  InterruptedBuild() {
    std::filesystem::create_directories(folder_ / "in");
    std::vector<std::uint8_t> const grey(16 * 16 * 3, 128);
    std::vector<std::byte> const png = encode_png(grey, 16, 16);
    std::string_view const picture(reinterpret_cast<char const*>(png.data()), png.size());
    for (std::string const name : {"a", "b", "c"}) {
      write_file_atomically(folder_ / "in" / (name + ".png"), picture);
      write_file_atomically(folder_ / "in" / (name + ".txt"), "caption " + name);
    }
  }
  BuildOptions options() const {
    BuildOptions options;
    options.source.from = {folder_ / "in"};
    options.out = folder_ / "out";
    return options;
  }
  std::filesystem::path work() const {
    for (auto const& entry : std::filesystem::directory_iterator(folder_ / "out"))
      if (entry.path().filename().string().starts_with(".build-")) return entry.path();
    return {};
  }
};

void ignore(BuildProgress const&) {}

TEST_F(InterruptedBuild, FinishesWhatItLeftUndone) {
  {
    Build build(options());
    build.run(0, 1, ignore);
    std::filesystem::copy(work() / "unit-000000.json", folder_ / "record");
    std::filesystem::path const left_behind = work();
    EXPECT_EQ(build.finish().total_kept(), 3);
    EXPECT_TRUE(Build(options()).finished());
    // as if interrupted when index.json was there, and the report was not
    std::filesystem::create_directories(left_behind);
    std::filesystem::copy(folder_ / "record", left_behind / "unit-000000.json");
  }
  std::string const report = read_file(folder_ / "out" / "build-report.json");
  std::filesystem::remove(folder_ / "out" / "build-report.json");
  Build again(options());
  EXPECT_FALSE(again.finished());
  again.run(0, 1, ignore);
  again.finish();
  EXPECT_EQ(read_file(folder_ / "out" / "build-report.json"), report);
  EXPECT_TRUE(work().empty());
  EXPECT_TRUE(Build(options()).finished());
}

}  // namespace
}  // namespace accord::io
