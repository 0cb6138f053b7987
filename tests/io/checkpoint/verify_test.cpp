#include "io/checkpoint/verify.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class Verify : public TemporaryFolder {
 protected:
  OpenCheckpoint save(std::string const& directory, std::vector<TensorInfo> const& infos,
                      std::vector<std::vector<double>> const& values) {
    SelfCommunicator self;
    Queue queue(Backend::reference);
    std::vector<ConstPiece> pieces;
    for (std::size_t i = 0; i < infos.size(); ++i)
      pieces.push_back(
          {static_cast<int>(i), 0, static_cast<Index>(values[i].size()), values[i].data()});
    return open_checkpoint(
        save_checkpoint(self, queue, folder_ / directory, 1, infos, pieces, {}, {}));
  }
};

TensorInfo tensor(std::string name, Index elements) {
  return {"weight", std::move(name), Shape{elements}, DType::float64};
}

}  // namespace

TEST_F(Verify, NamesEveryDamagedTensor) {
  SaveOptions options;
  options.run_bytes = 64;
  OpenCheckpoint const checkpoint = open_checkpoint(save_sample(folder_, 1, options));
  std::uint64_t last = 0, total = 0;
  auto const progress = [&](std::uint64_t done, std::uint64_t all) {
    EXPECT_GE(done, last);
    last = done;
    total = all;
  };
  EXPECT_TRUE(verify_checkpoint(checkpoint, progress).empty());
  EXPECT_EQ(last, total);
  EXPECT_GT(total, 0u);

  File file = File::open_write(checkpoint.folder / "data-0000.h5");
  std::byte const value{0x55};
  for (int tensor : {4, 9})
    file.write_at(checkpoint.manifest.tensors[static_cast<std::size_t>(tensor)].offset + 500,
                  {&value, 1});
  EXPECT_THAT(
      verify_checkpoint(checkpoint, {}),
      ElementsAre(HasSubstr("weight/layers.1.fc.weight"), HasSubstr("exp_avg/layers.1.fc.weight")));
}

TEST_F(Verify, MeasuresDistancesTensorByTensor) {
  OpenCheckpoint const a =
      save("a", {tensor("x", 3), tensor("y", 2), tensor("z", 2)}, {{1, 2, 3}, {0, 0}, {1, 1}});
  OpenCheckpoint const b =
      save("b", {tensor("y", 2), tensor("x", 3), tensor("w", 1)}, {{3, -4}, {1, 2, 3.5}, {0}});
  CheckpointDistance const found = distance(a, b, {});
  ASSERT_EQ(found.tensors.size(), 2u);
  EXPECT_EQ(found.tensors[0].tensor, "weight/x");
  EXPECT_EQ(found.tensors[0].largest, 0.5);
  EXPECT_DOUBLE_EQ(found.tensors[0].relative, 0.5 / std::sqrt(1 + 4 + 3.5 * 3.5));
  EXPECT_EQ(found.tensors[1].largest, 4);
  EXPECT_EQ(found.tensors[1].relative, 1);
  EXPECT_THAT(found.differences,
              ElementsAre(HasSubstr("weight/z is only in"), HasSubstr("weight/w is only in")));
}

TEST_F(Verify, TreatsNotANumberAsADistanceUnlessBothHaveIt) {
  float const nan = std::nanf(""), infinity = std::numeric_limits<float>::infinity();
  auto const sample = [&](char const* name, bool second) {
    std::filesystem::path const folder = save_sample(folder_ / name, 1);
    overwrite_value(folder, "weight/frozen", 2, nan);
    overwrite_value(folder, "weight/frozen", 3, infinity);
    if (second) overwrite_value(folder, "weight/table.weight", 1, nan);
    return open_checkpoint(folder);
  };
  OpenCheckpoint const a = sample("a", true), b = sample("b", false);
  for (TensorDistance const& found : distance(a, b, {}).tensors)
    if (found.tensor == "weight/table.weight") {
      EXPECT_TRUE(std::isnan(found.largest));
    } else {
      EXPECT_EQ(found.largest, 0) << found.tensor;
      EXPECT_EQ(found.relative, 0) << found.tensor;
    }
}

TEST_F(Verify, ReportsValuesThatAreNotFinite) {
  std::filesystem::path const folder = save_sample(folder_, 1);
  overwrite_value(folder, "exp_avg_sq/layers.1.fc.weight", 7,
                  std::numeric_limits<float>::infinity());
  EXPECT_THAT(verify_checkpoint(open_checkpoint(folder), {}),
              ElementsAre(HasSubstr("not a finite number")));
}

TEST_F(Verify, IsSharedByRanks) {
  SaveOptions options;
  options.run_bytes = 64;
  std::filesystem::path const folder = save_sample(folder_, 1, options);
  OpenCheckpoint const checkpoint = open_checkpoint(folder);
  std::byte const value{0x55};
  File::open_write(folder / "data-0000.h5")
      .write_at(checkpoint.manifest.tensors[4].offset + 500, {&value, 1});
  std::size_t found = 0;
  for (int rank = 0; rank < 3; ++rank) found += verify_checkpoint(checkpoint, {}, {rank, 3}).size();
  EXPECT_EQ(found, 1u);
}
