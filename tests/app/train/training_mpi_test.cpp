// docs/model.md 9.1 and 9.2: what a step computes does not depend on ranks and micro-batches.
#include "app/train/training.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/mpi_communicator.hpp"
#include "tests/app/train/tiny_training.hpp"

namespace accord::app {
namespace {

using testing::expect_bitwise_equal;
using testing::expect_equal_to_rounding;
using testing::RunResult;

/// One dataset for all ranks and tests, in a folder that rank 0 makes and names.
class TrainingOverMpi : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    world_ = std::make_unique<parallel::CheckedCommunicator>(parallel::MpiCommunicator::world(),
                                                             "world");
    Queue queue(Backend::cpu);
    std::int64_t process = ::getpid();
    world_->broadcast(queue, View(&process, DType::int64, Shape{1}), 0);
    folder_ =
        std::filesystem::temp_directory_path() / ("accord_training_" + std::to_string(process));
    if (world_->rank() == 0) {
      std::filesystem::remove_all(folder_);
      testing::tiny_dataset(folder_);
    }
    world_->barrier(queue);
  }
  static void TearDownTestSuite() {
    Queue queue(Backend::cpu);
    world_->barrier(queue);
    if (world_->rank() == 0) std::filesystem::remove_all(folder_);
    world_.reset();
  }

  static Config config(std::vector<std::string> const& overrides) {
    return testing::tiny_config(folder_ / "train", overrides);
  }
  static bool first() { return world_->rank() == 0; }

  static std::unique_ptr<parallel::GroupCommunicator> world_;
  static std::filesystem::path folder_;
};

std::unique_ptr<parallel::GroupCommunicator> TrainingOverMpi::world_;
std::filesystem::path TrainingOverMpi::folder_;

class OverMicroBatches : public TrainingOverMpi,
                         public ::testing::WithParamInterface<std::string> {};

TEST_P(OverMicroBatches, EveryGradientEqualsThatOfOneRankAndOneMicroBatch) {
  std::string const mode = "train.contrast_gradient=" + GetParam();
  RunResult want;
  if (first()) want = testing::run_alone(config({mode}), 3);
  for (int const count : {1, 2, 4}) {
    std::string const micro = "train.micro_batch=" + std::to_string(16 / world_->size() / count);
    if (16 / world_->size() / count < 2) continue;  // smaller than a pool
    SCOPED_TRACE(micro);
    RunResult const got = testing::run_from_start(*world_, config({mode, micro}), 3);
    if (first()) expect_equal_to_rounding(got, want);
  }
}

INSTANTIATE_TEST_SUITE_P(ContrastGradient, OverMicroBatches, ::testing::Values("exact", "anchor"),
                         [](auto const& info) { return info.param; });

TEST_F(TrainingOverMpi, ZeroAndRecomputationChangeNothing) {
  RunResult const want = testing::run_from_start(*world_, config({}), 2);
  for (std::string const setting :
       {"parallel.zero=1", "train.recompute=selective", "train.recompute=layer"}) {
    SCOPED_TRACE(setting);
    RunResult const got = testing::run_from_start(*world_, config({setting}), 2);
    if (first()) expect_equal_to_rounding(got, want);
  }
}

TEST_F(TrainingOverMpi, StagesAndTensorParallelChangeNothing) {
  RunResult want;
  if (first()) want = testing::run_alone(config({}), 3);
  struct Cell {
    int ranks;
    std::vector<std::string> settings;
  };
  for (Cell const& cell : {Cell{2, {"parallel.pipeline=2", "train.micro_batch=4"}},
                           Cell{2, {"parallel.tensor=2", "parallel.sequence=true"}},
                           Cell{4,
                                {"parallel.pipeline=2", "parallel.tensor=2",
                                 "parallel.sequence=true", "parallel.zero=1"}},
                           Cell{4,
                                {"parallel.pipeline=2", "parallel.schedule=interleaved",
                                 "parallel.virtual_stages=2", "train.micro_batch=4"}},
                           Cell{4,
                                {"parallel.pipeline=4", "parallel.schedule=gpipe",
                                 "train.micro_batch=4", "train.recompute=layer"}}}) {
    if (cell.ranks != world_->size()) continue;
    SCOPED_TRACE(::testing::PrintToString(cell.settings));
    RunResult const got = testing::run_from_start(*world_, config(cell.settings), 3);
    if (first()) expect_equal_to_rounding(got, want);
  }
}

TEST_F(TrainingOverMpi, FlopsOfAllStagesAddUpToThoseOfOneRank) {
  StepReport want;
  if (first()) want = testing::run_alone(config({}), 1).steps.front();
  StepReport const got =
      testing::run_from_start(*world_,
                              config({"parallel.pipeline=" + std::to_string(world_->size())}), 1)
          .steps.front();
  double sums[2] = {got.model_flops, got.executed_flops};
  Queue queue(Backend::cpu);
  world_->all_reduce(queue, View(sums, DType::float64, Shape{2}));
  if (!first()) return;
  EXPECT_NEAR(sums[0], want.model_flops, 1e-12 * want.model_flops);
  EXPECT_NEAR(sums[1], want.executed_flops, 1e-12 * want.executed_flops);
}

class ResumedOverMpi : public TrainingOverMpi,
                       public ::testing::WithParamInterface<std::vector<std::string>> {};

TEST_P(ResumedOverMpi, IsBitwiseARunWithoutAStop) {
  std::vector<std::string> settings = GetParam();
  settings.push_back("checkpoint.directory='" + (folder_ / "resumed").string() + "'");
  settings.emplace_back("train.dtype=float32");
  Config const same = config(settings);
  int const model_ranks = same.parallel.pipeline * same.parallel.tensor;
  if (world_->size() % model_ranks != 0)
    GTEST_SKIP() << "a replica takes " << model_ranks << " ranks, there are " << world_->size();
  if (first()) std::filesystem::remove_all(folder_ / "resumed");
  RunResult const want = testing::run_from_start(*world_, same, 5);
  {
    Queue queue(Backend::cpu);
    Training before(queue, *world_, same, io::Tokenizer::load("bytes"));
    before.open_data();
    for (int i = 0; i < 3; ++i) before.step();
    before.save({});
  }
  Queue queue(Backend::cpu);
  Training after(queue, *world_, same, io::Tokenizer::load("bytes"));
  ASSERT_TRUE(after.resume({}).has_value());
  after.open_data();
  EXPECT_EQ(after.completed(), 3);
  RunResult got = testing::run_steps(*world_, after, 2);
  if (!first()) return;
  got.steps.insert(got.steps.begin(), want.steps.begin(), want.steps.begin() + 3);
  expect_bitwise_equal(got, want);
}

INSTANTIATE_TEST_SUITE_P(
    Layouts, ResumedOverMpi,
    ::testing::Values(std::vector<std::string>{},
                      std::vector<std::string>{"parallel.pipeline=2", "train.micro_batch=4"},
                      std::vector<std::string>{"parallel.pipeline=2", "parallel.tensor=2",
                                               "parallel.sequence=true", "parallel.zero=1"}),
    [](auto const& info) { return std::to_string(info.index); });

TEST_F(TrainingOverMpi, ResumingWithAnotherModelOrSeedIsRefused) {
  std::string const directory = "checkpoint.directory='" + (folder_ / "refused").string() + "'";
  Queue queue(Backend::cpu);
  Training before(queue, *world_, config({directory}), io::Tokenizer::load("bytes"));
  before.open_data();
  before.step();
  before.save({});
  Training other(queue, *world_, config({directory, "train.seed=9", "objective.itc.weight=0.5"}),
                 io::Tokenizer::load("bytes"));
  try {
    other.resume({});
    ADD_FAILURE() << "resumed";
  } catch (Error const& error) {  // on every rank
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
    std::string const message = error.what();
    EXPECT_NE(message.find("train.seed: 3407 -> 9"), std::string::npos) << message;
    EXPECT_NE(message.find("objective.itc.weight: 1.0 -> 0.5"), std::string::npos) << message;
  }
}

}  // namespace
}  // namespace accord::app
