#include "io/checkpoint/retention.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <map>

#include "parallel/comm/thread_communicator.hpp"
#include "sample_checkpoint.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class RetentionTest : public TemporaryFolder {
 protected:
  /// Checkpoints that are there before the process that will remove some.
  void save(std::vector<Index> const& steps) {
    SaveOptions all = {};
    all.keep = keep_all;
    for (Index const step : steps) save_sample(folder_, step, all);
  }
  Retention retention(RetentionRules rules) {
    return {folder_, std::move(rules), [this](std::string const& text) { said_.push_back(text); }};
  }
  void apply(Retention& retention, Index step) {
    SelfCommunicator self;
    Queue queue(Backend::reference);
    retention.apply(self, queue, step);
  }
  void damage_values(Index step) {
    OpenCheckpoint const checkpoint = open_checkpoint(step_folder(folder_, step));
    std::byte const value{0x55};
    File::open_write(checkpoint.folder / "data-0000.h5")
        .write_at(checkpoint.manifest.tensors[4].offset + 500, {&value, 1});
  }
  std::vector<Index> steps() {
    std::vector<Index> steps;
    for (StepFolder const& found : list_checkpoints(folder_)) steps.push_back(found.step);
    return steps;
  }

  std::vector<std::string> said_;
};

TEST_F(RetentionTest, CountsOnlyThoseThatAreGoodToTheLastByte) {
  save({10, 20, 30, 40, 50});
  damage_values(40);
  Retention keeps = retention({.keep = 3});
  apply(keeps, 50);
  EXPECT_THAT(steps(), ElementsAre(50, 40, 30, 20));
  EXPECT_THAT(said_, ElementsAre(HasSubstr("step-00000040 is not usable")));
  save({60});
  keeps.is_good(step_folder(folder_, 60));
  apply(keeps, 60);
  EXPECT_THAT(steps(), ElementsAre(60, 50, 40, 30));
  EXPECT_EQ(said_.size(), 1u);  // it is looked at once
}

TEST_F(RetentionTest, DoesNotCountWhatWasFoundDamagedElsewhere) {
  save({10, 20, 30});
  Retention keeps = retention({.keep = 2});
  keeps.is_damaged(step_folder(folder_, 20));
  apply(keeps, 30);
  EXPECT_THAT(steps(), ElementsAre(30, 20, 10));
  keeps.is_good(step_folder(folder_, 20));  // it was saved again
  apply(keeps, 30);
  EXPECT_THAT(steps(), ElementsAre(30, 20));
}

TEST_F(RetentionTest, LooksTogetherWithTheOtherRanks) {
  save({10, 20, 30, 40});
  damage_values(30);
  parallel::ThreadGroup(3).run([&](Communicator& world) {
    Queue queue(Backend::reference);
    Retention keeps(folder_, {.keep = 2}, {});
    keeps.apply(world, queue, 40);
  });
  EXPECT_THAT(steps(), ElementsAre(40, 30, 20));
}

TEST_F(RetentionTest, KeepsEveryNthTheBestAndThoseThatAreMarked) {
  save({1, 2, 3, 4, 5, 6, 7, 8, 9});
  write_file(step_folder(folder_, 2) / mark_name, "");
  std::map<Index, double> const scores{{1, 3}, {3, 7}, {5, 7}, {6, 1}};
  Retention keeps =
      retention({.keep = 1, .keep_every = 4, .score = [&](Index step) {
                   auto const found = scores.find(step);
                   return found == scores.end() ? std::nullopt : std::optional(found->second);
                 }});
  apply(keeps, 9);
  EXPECT_THAT(steps(), ElementsAre(9, 8, 5, 4, 2));
}

TEST_F(RetentionTest, RemovesNothingWhereAllAreKept) {
  save({1, 2, 3});
  damage_values(1);
  Retention keeps = retention({.keep = keep_all});
  apply(keeps, 3);
  EXPECT_EQ(steps().size(), 3u);
  EXPECT_THAT(said_, IsEmpty());  // nor does it look
}

/// As long as it lives a folder as deep as that of deep_rest() cannot be removed: too many are
/// open.
class FewFiles {
 public:
  FewFiles() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit const few{
        static_cast<rlim_t>(std::distance(fs::directory_iterator("/proc/self/fd"), {})) + 20,
        before_.rlim_max};
    setrlimit(RLIMIT_NOFILE, &few);
  }
  ~FewFiles() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

fs::path deep_rest(fs::path path) {
  for (int i = 0; i < 60; ++i) path /= "d";
  return path;
}

TEST_F(RetentionTest, WarnsOnceOfWhatCannotBeRemovedAndTriesAgainAtTheNextStart) {
  save({1, 2, 3});
  fs::create_directories(deep_rest(step_folder(folder_, 1)));
  {
    FewFiles const few;
    Retention keeps = retention({.keep = 2});
    apply(keeps, 3);
    EXPECT_THAT(said_, ElementsAre(HasSubstr("step-00000001.tmp: cannot be removed")));
    SaveOptions options;
    options.retention = &keeps;
    save_sample(folder_, 4, options);  // it is not in the way
    keeps.remove_leftovers();
    EXPECT_EQ(said_.size(), 1u);
  }
  EXPECT_THAT(steps(), ElementsAre(4, 3));
  EXPECT_TRUE(fs::exists(folder_ / "step-00000001.tmp"));
  retention({}).remove_leftovers();
  EXPECT_FALSE(fs::exists(folder_ / "step-00000001.tmp"));
}

TEST_F(RetentionTest, IsNotAskedWhereTheNewOneCannotBeReadBack) {
  save({1, 2});
  SelfCommunicator self;
  Queue queue(Backend::reference);
  std::vector<TensorInfo> const infos = sample_infos();
  Holding holding(infos, 0, 1, 1);
  holding.fill(3);
  SaveOptions options;
  options.keep = 1;
  CheckpointSave save(self, queue, folder_, 3, infos, holding.const_pieces(), {}, options);
  save.write();
  std::byte const value{0x55};
  fs::path const file = folder_ / "step-00000003.tmp" / "data-0000.h5";
  File::open_write(file).write_at(fs::file_size(file) - 100, {&value, 1});
  EXPECT_THROW(save.commit(self, queue), Error);
  EXPECT_THAT(steps(), ElementsAre(2, 1));
}

TEST_F(RetentionTest, IsNotAskedWhereAValueIsNotFinite) {
  save({1});
  SelfCommunicator self;
  Queue queue(Backend::reference);
  std::vector<TensorInfo> const infos = sample_infos();
  std::vector<float> table(72, 1.0F);
  table[5] = std::numeric_limits<float>::infinity();
  Holding holding(infos, 0, 1, 1);
  holding.fill(2);
  std::vector<ConstPiece> pieces = holding.const_pieces();
  std::erase_if(pieces, [](ConstPiece const& piece) { return piece.tensor == 3; });
  pieces.push_back({3, 0, 72, table.data()});
  SaveOptions options;
  options.keep = 1;
  try {
    save_checkpoint(self, queue, folder_, 2, infos, pieces, {}, options);
    ADD_FAILURE() << "saved";
  } catch (Error const& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::data);
    EXPECT_THAT(error.what(), HasSubstr("weight/table.weight: element 5 is not a finite number"));
  }
  EXPECT_THAT(steps(), ElementsAre(1));
}

}  // namespace
}  // namespace accord::io
