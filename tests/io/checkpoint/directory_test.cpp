#include "io/checkpoint/directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <csignal>
#include <mutex>

#include "core/base/error.hpp"
#include "io/checkpoint/newest.hpp"
#include "io/file/file.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;
using testing::ElementsAre;
using testing::HasSubstr;

namespace fs = std::filesystem;

namespace {

class CheckpointFolder : public TemporaryFolder {
 protected:
  std::vector<std::string> names() {
    std::vector<std::string> names;
    for (auto const& entry : fs::directory_iterator(folder_))
      names.push_back(entry.path().filename());
    std::sort(names.begin(), names.end());
    return names;
  }
  void damage_manifest(Index step) {
    fs::resize_file(step_folder(folder_, step) / manifest_name, 100);
  }
  void damage_values(Index step) {
    OpenCheckpoint const checkpoint = open_checkpoint(step_folder(folder_, step));
    File file = File::open_write(checkpoint.folder / "data-0000.h5");
    std::byte value{};
    file.read_at(checkpoint.manifest.tensors[0].offset, {&value, 1});
    value ^= std::byte{4};
    file.write_at(checkpoint.manifest.tensors[0].offset, {&value, 1});
  }
};

SaveOptions keeping(int keep) {
  SaveOptions options;
  options.keep = keep;
  return options;
}

}  // namespace

TEST_F(CheckpointFolder, WithoutCheckpointsIsAFreshStart) {
  EXPECT_EQ(load_sample(folder_ / "absent"), -1);
  fs::create_directories(folder_ / "step-00000003.tmp");
  fs::create_directories(folder_ / "step-3");
  fs::create_directories(folder_ / "step-0000000x");
  EXPECT_EQ(load_sample(folder_), -1);
}

TEST_F(CheckpointFolder, KeepsTheLastOnes) {
  for (Index step : {10, 20, 30, 40}) save_sample(folder_, step, keeping(2));
  EXPECT_THAT(names(), ElementsAre("step-00000030", "step-00000040"));
  save_sample(folder_, 50, keeping(1));
  EXPECT_THAT(names(), ElementsAre("step-00000050"));
  EXPECT_EQ(load_sample(folder_), 50);
}

TEST_F(CheckpointFolder, CountsOnlyGoodOnesBeforeItRemovesAny) {
  for (Index step : {10, 20, 30}) save_sample(folder_, step, keeping(3));
  damage_manifest(30);
  damage_manifest(10);
  save_sample(folder_, 40, keeping(2));  // 40 and 20 are good
  EXPECT_THAT(names(), ElementsAre("step-00000020", "step-00000030", "step-00000040"));
}

TEST_F(CheckpointFolder, FallsBackToTheNewestGoodOneAndSaysSo) {
  for (Index step : {10, 20, 30}) save_sample(folder_, step, keeping(3));
  damage_manifest(30);
  damage_values(20);
  std::vector<std::string> notices;
  EXPECT_EQ(load_sample(folder_, &notices), 10);
  ASSERT_EQ(notices.size(), 2u);
  EXPECT_THAT(notices[0], HasSubstr("step-00000030 is not usable"));
  EXPECT_THAT(notices[1], HasSubstr("step-00000020 is not usable"));
}

TEST_F(CheckpointFolder, ShowsTheCallerEachThatOpensAndEndsWhereHeRefuses) {
  for (Index step : {10, 20, 30}) save_sample(folder_, step, keeping(3));
  damage_manifest(30);
  damage_values(20);
  std::mutex mutex;
  std::vector<Index> shown;
  std::vector<std::string> notices;
  parallel::ThreadGroup(2).run([&](Communicator& world) {
    Queue queue(Backend::reference);
    Holding holding(sample_infos(), world.rank(), world.size(), 3);
    LoadOptions options;
    options.announce = [&](std::string const& text) {
      std::lock_guard const lock(mutex);
      notices.push_back(text);
    };
    options.check = [&](OpenCheckpoint const& checkpoint) {
      std::lock_guard const lock(mutex);
      shown.push_back(checkpoint.manifest.step);
      if (checkpoint.manifest.step == 10) throw UsageError("another model");
    };
    try {
      load_newest(world, queue, folder_, sample_infos(), holding.pieces(), options);
      ADD_FAILURE() << "loaded what the caller refused";
    } catch (Error const& error) {
      EXPECT_EQ(error.exit_code(), ExitCode::usage);
    }
  });
  EXPECT_THAT(shown, ElementsAre(20, 10));
  EXPECT_EQ(notices.size(), 2u);  // each damaged one once
}

TEST_F(CheckpointFolder, IsRefusedWhenNoneIsGood) {
  for (Index step : {10, 20}) save_sample(folder_, step, keeping(2));
  damage_manifest(10);
  damage_values(20);
  try {
    load_sample(folder_);
    ADD_FAILURE() << "started from scratch";
  } catch (Error const& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::data);
    EXPECT_THAT(error.what(), HasSubstr("none is usable"));
  }
}

TEST_F(CheckpointFolder, AllRanksFallBackTogetherWhenOneSeesDamage) {
  for (Index step : {10, 20}) save_sample(folder_, step, keeping(2));
  damage_values(20);  // in the first tensor, which only one rank wants
  std::atomic<int> at_10 = 0;
  parallel::ThreadGroup(3).run([&](Communicator& world) {
    Queue queue(Backend::reference);
    Holding holding(sample_infos(), world.rank(), world.size(), 3);
    std::optional<OpenCheckpoint> const loaded =
        load_newest(world, queue, folder_, sample_infos(), holding.pieces(), {});
    if (loaded->manifest.step == 10 && holding.wrong(10) == 0) ++at_10;
  });
  EXPECT_EQ(at_10, 3);
}

TEST_F(CheckpointFolder, LosesWhatDeadSavesLeftAtTheNextSave) {
  fs::create_directories(folder_ / "step-00000009.tmp/rest");
  fs::create_directories(folder_ / "step-00000008.replaced.tmp/rest");
  std::vector<std::string> const others = {"mine.tmp", "step-000000009.tmp", "step-9.tmp",
                                           "step-final.tmp"};
  for (std::string const& name : others) fs::create_directories(folder_ / name / "rest");
  save_sample(folder_, 10);
  EXPECT_THAT(names(), ElementsAre("mine.tmp", "step-000000009.tmp", "step-00000010", "step-9.tmp",
                                   "step-final.tmp"));
}

TEST_F(CheckpointFolder, ReplacesACheckpointOfTheSameStep) {
  save_sample(folder_, 10);
  damage_values(10);
  save_sample(folder_, 10);
  EXPECT_THAT(names(), ElementsAre("step-00000010"));
  EXPECT_EQ(load_sample(folder_), 10);
}

TEST_F(CheckpointFolder, StillHasTheOldOneWhenAReplacementIsCutBetweenItsRenames) {
  save_sample(folder_, 10);
  fs::rename(step_folder(folder_, 10), folder_ / "step-00000010.replaced");
  fs::create_directories(folder_ / "step-00000010.tmp");
  EXPECT_EQ(load_sample(folder_), 10);
  save_sample(folder_, 10);
  EXPECT_THAT(names(), ElementsAre("step-00000010"));
}

TEST_F(CheckpointFolder, KeepsLaterStepsFromWhichARunWentBack) {
  for (Index step : {10, 20, 30}) save_sample(folder_, step, keeping(3));
  save_sample(folder_, 15, keeping(1));
  EXPECT_THAT(names(), ElementsAre("step-00000015", "step-00000020", "step-00000030"));
}

TEST_F(CheckpointFolder, KnowsACheckpointUnderAWrongName) {
  save_sample(folder_, 10);
  fs::rename(step_folder(folder_, 10), step_folder(folder_, 11));
  EXPECT_THROW(find_newest(folder_, {}), DataError);
}

TEST_F(CheckpointFolder, OpensACheckpointOrTheNewestOfAFolder) {
  for (Index step : {10, 20}) save_sample(folder_, step, keeping(2));
  EXPECT_EQ(open_or_find(folder_, {}).manifest.step, 20);
  EXPECT_EQ(open_or_find(folder_ / "step-00000010", {}).manifest.step, 10);
  EXPECT_THROW(open_or_find(folder_ / "nothing", {}), DataError);
}

TEST_F(CheckpointFolder, OpensTheNewestButForThoseThatWereTried) {
  for (Index step : {10, 20, 30}) save_sample(folder_, step, keeping(3));
  EXPECT_EQ(open_or_find(folder_, {}, {step_folder(folder_, 30)}).manifest.step, 20);
  EXPECT_THROW(
      open_or_find(folder_, {},
                   {step_folder(folder_, 10), step_folder(folder_, 20), step_folder(folder_, 30)}),
      DataError);
}

// As a reader beside a run that saves and removes finds them.
TEST_F(CheckpointFolder, GivesTheNewestAgainWhereOneIsOfNoUse) {
  for (Index step : {10, 20, 30}) save_sample(folder_, step, keeping(3));
  std::vector<std::string> notices;
  std::vector<Index> used;
  auto const announce = [&](std::string const& text) { notices.push_back(text); };
  auto const use = [&](OpenCheckpoint const& checkpoint) {
    used.push_back(checkpoint.manifest.step);
    if (checkpoint.manifest.step == 30) {
      fs::remove_all(checkpoint.folder);
      save_sample(folder_, 40, keeping(3));
      throw DataError("no such file");
    }
    return checkpoint.manifest.step;
  };
  auto const of = [&](fs::path const& path) {
    return with_newest(
        path, announce, [&](auto const& tried) { return open_or_find(path, announce, tried); },
        use);
  };
  EXPECT_EQ(of(folder_), 40);
  EXPECT_THAT(used, ElementsAre(30, 40));
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_THAT(notices[0], HasSubstr("step-00000030 is not usable: no such file"));
  save_sample(folder_, 30, keeping(9));
  EXPECT_THROW(of(step_folder(folder_, 30)), DataError);  // that one and no other was asked for
}

TEST_F(CheckpointFolder, FallsBackFromValuesThatAreNotFinite) {
  for (Index step : {10, 20}) save_sample(folder_, step, keeping(2));
  overwrite_value(step_folder(folder_, 20), "exp_avg/table.weight", 3, std::nanf(""));
  std::vector<std::string> notices;
  EXPECT_EQ(load_sample(folder_, &notices), 10);
  ASSERT_EQ(notices.size(), 1u);
  EXPECT_THAT(notices[0], HasSubstr("exp_avg/table.weight is not a finite number"));
}

TEST_F(CheckpointFolder, IsAsBeforeWhenWritingFailsOnOneRank) {
  save_sample(folder_, 10);
  std::atomic<int> refused = 0;
  parallel::ThreadGroup(3).run([&](Communicator& world) {
    Queue queue(Backend::reference);
    std::vector<TensorInfo> const infos = sample_infos();
    Holding holding(infos, world.rank(), world.size(), 3);
    holding.fill(20);
    SaveOptions options;
    options.files = static_cast<int>(infos.size());
    CheckpointSave save(world, queue, folder_, 20, infos, holding.const_pieces(), {}, options);
    if (world.rank() == 0) {  // the largest tensor's file, which only the last rank writes
      fs::path const file = folder_ / "step-00000020.tmp/data-0002.h5";
      ASSERT_TRUE(fs::remove(file));
      fs::create_directory(file);
    }
    world.barrier(queue);
    save.write();
    try {
      save.commit(world, queue);
    } catch (Error const& error) {
      EXPECT_THAT(error.what(), HasSubstr("rank 2 on "));
      EXPECT_THAT(error.what(), HasSubstr("data-0002.h5"));
      if (error.exit_code() == ExitCode::io) ++refused;
    }
  });
  EXPECT_EQ(refused, 3);
  EXPECT_THAT(names(), ElementsAre("step-00000010"));
  EXPECT_EQ(load_sample(folder_), 10);
}

TEST_F(CheckpointFolder, IsAsBeforeWhenNoMoreCanBeWritten) {
  save_sample(folder_, 10);
  // A limit on the size of files acts as a full disk does: writes fail after so many bytes.
  auto const old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit old_limit{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old_limit), 0);
  for (rlim_t bytes : {0, 100, 2000, 5000, 10000, 13000, 16000}) {
    rlimit const limit{bytes, old_limit.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    ExitCode code = ExitCode::ok;
    try {
      save_sample(folder_, 20);
    } catch (Error const& error) {
      code = error.exit_code();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old_limit), 0);
    EXPECT_EQ(code, ExitCode::io) << bytes;
    EXPECT_THAT(names(), ElementsAre("step-00000010")) << bytes;
  }
  std::signal(SIGXFSZ, old_handler);
  EXPECT_EQ(load_sample(folder_), 10);
  save_sample(folder_, 20);
  EXPECT_EQ(load_sample(folder_), 20);
}
