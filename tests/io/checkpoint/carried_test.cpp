#include "io/checkpoint/carried.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/checkpoint/verify.hpp"
#include "io/file/file.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;

namespace {

namespace fs = std::filesystem;

// A run over the first three tensors, started from a checkpoint of all.
class Carried : public TemporaryFolder {
 protected:
  static std::vector<TensorInfo> used() {
    std::vector<TensorInfo> const all = sample_infos();
    return {all.begin(), all.begin() + 3};
  }

  void save(fs::path const& folder, Index step, std::vector<TensorInfo> const& infos,
            CarriedTensors const* carried) {
    parallel::ThreadGroup(2).run([&](Communicator& world) {
      Queue queue(Backend::reference);
      Holding holding(infos, world.rank(), world.size(), 17);
      holding.fill(step);
      SaveOptions options;
      options.carried = world.rank() == 0 ? carried : nullptr;
      save_checkpoint(world, queue, folder, step, infos, holding.const_pieces(),
                      sample_documents(step), options);
    });
  }

  void SetUp() override {
    save(folder_ / "source", 1, sample_infos(), nullptr);
    source_ = open_or_find(folder_ / "source", {});
    carried_ = carry(*source_, used(), folder_ / "run");
    ASSERT_TRUE(carried_);
  }

  std::optional<OpenCheckpoint> source_;
  std::optional<CarriedTensors> carried_;
};

}  // namespace

TEST_F(Carried, WeightsLieBesideThoseOfTheRunAsTheyWere) {
  save(folder_ / "run", 2, used(), &*carried_);
  OpenCheckpoint const saved = open_or_find(folder_ / "run", {});
  EXPECT_THAT(verify_checkpoint(saved, {}), ::testing::IsEmpty());
  // Weights alone: the source's moments belong to another run.
  EXPECT_EQ(saved.manifest.tensors.size(), 3u + 3u);
  CheckpointDistance const found = distance(saved, *source_, {});
  for (TensorDistance const& tensor : found.tensors) {
    bool const own = std::ranges::any_of(
        used(), [&](TensorInfo const& info) { return info.path() == tensor.tensor; });
    EXPECT_EQ(tensor.largest == 0, !own) << tensor.tensor;
  }
}

TEST_F(Carried, FileIsWrittenOnceAndLinked) {
  save(folder_ / "run", 2, used(), &*carried_);
  carried_ = carried_by(open_or_find(folder_ / "run", {}));
  ASSERT_TRUE(carried_);
  save(folder_ / "run", 3, used(), &*carried_);
  EXPECT_EQ(fs::hard_link_count(step_folder(folder_ / "run", 3) / carried_name), 3u);
  EXPECT_THAT(verify_checkpoint(open_or_find(folder_ / "run", {}), {}), ::testing::IsEmpty());
}

// What cannot be linked, as from the file system of another disk, is copied.
TEST_F(Carried, FileIsCopiedFromAnotherFileSystem) {
  fs::path const elsewhere = fs::path("/dev/shm") / folder_.filename();
  std::error_code error;
  if (!fs::create_directory(elsewhere, error))
    GTEST_SKIP() << elsewhere << " cannot be made: " << error.message();
  CarriedTensors const there{elsewhere / carried_name, carried_->file, carried_->tensors};
  fs::copy_file(carried_->path, there.path);
  fs::create_hard_link(there.path, folder_ / "link", error);
  if (error) save(folder_ / "run", 2, used(), &there);
  fs::remove_all(elsewhere);
  if (!error) GTEST_SKIP() << "/dev/shm is no file system of its own";
  OpenCheckpoint const saved = open_or_find(folder_ / "run", {});
  EXPECT_THAT(verify_checkpoint(saved, {}), ::testing::IsEmpty());
  EXPECT_EQ(read_file(saved.folder / carried_name), read_file(carried_->path));
}

TEST_F(Carried, WeightsAreNoneOfTheModelsBusiness) {
  save(folder_ / "run", 2, used(), &*carried_);
  SelfCommunicator self;
  Queue queue(Backend::reference);
  Holding holding(used(), 0, 1, 1);
  EXPECT_TRUE(load_newest(self, queue, folder_ / "run", used(), holding.pieces(), {}));
  EXPECT_EQ(holding.wrong(2), 0);
}

TEST_F(Carried, NothingIsCarriedWhereAllIsUsed) {
  EXPECT_FALSE(carry(*source_, sample_infos(), folder_ / "other"));
  EXPECT_FALSE(carried_by(*source_));
}

TEST_F(Carried, ADamagedSourceIsRefused) {
  fs::path const data = source_->folder / "data-0000.h5";
  StoredTensor const& tensor = source_->manifest.tensors.back();
  std::byte value[1];
  File file = File::open_write(data);
  file.read_at(tensor.offset, value);
  value[0] ^= std::byte{1};
  file.write_at(tensor.offset, value);
  EXPECT_THROW(carry(*source_, used(), folder_ / "other"), DataError);
}
