// What goes wrong around a run, through the whole program: another job in its folders, signals at
// any time, numbers that leave the finite ones, a log or an output that cannot be written.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "io/checkpoint/directory.hpp"
#include "tests/io/checkpoint/sample_checkpoint.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

namespace fs = std::filesystem;
using std::chrono::milliseconds;

class Trouble : public TemporaryFolder {
 protected:
  void SetUp() override {
    ASSERT_EQ(
        accord_command(fmt::format("data synth --out '{}' --train 64 --held-out 24 --no-audio",
                                   (folder_ / "data").string()),
                       log_),
        0)
        << text_of(log_);
  }
  std::string arguments(std::string const& run, std::string const& more) const {
    return fmt::format(
        "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{1}/data/train' --set "
        "train.global_batch=16 --set log.directory='{2}/log' --set "
        "checkpoint.directory='{2}/ck' --set checkpoint.every_steps=1 {3}",
        environment("ACCORD_SOURCE_DIR"), folder_.string(), (folder_ / run).string(), more);
  }
  int train(std::string const& run, std::string const& more) const {
    return accord_command(arguments(run, more), log_);
  }
  fs::path checkpoint(std::string const& run, Index step) const {
    return io::step_folder(folder_ / run / "ck", step);
  }
  std::vector<Index> steps(std::string const& run) const {
    std::vector<Index> steps;
    for (auto const& [step, line] : metrics_of(folder_ / run / "log" / "metrics.jsonl"))
      steps.push_back(step);
    return steps;
  }
  /// From its first instruction on: before that the system loads it.
  static bool catches(pid_t process, int signal) {
    std::ifstream status(fmt::format("/proc/{}/status", process));
    for (std::string line; std::getline(status, line);)
      if (line.starts_with("SigCgt:"))
        return std::stoull(line.substr(7), nullptr, 16) >> (signal - 1) & 1;
    return true;  // it has ended
  }
  /// The program itself, without a shell between it and signals.
  int signalled(int signal, std::string const& run, std::string const& more, milliseconds after,
                fs::path const& wait_for = {}) const {
    std::string const command =
        fmt::format("exec '{}' {} >'{}' 2>&1 </dev/null", environment("ACCORD_EXECUTABLE"),
                    arguments(run, more), log_.string());
    pid_t const child = ::fork();
    if (child == 0) {
      ::execl("/bin/sh", "sh", "-c", command.c_str(), nullptr);
      ::_exit(127);
    }
    while (!catches(child, signal) || (!wait_for.empty() && !fs::exists(wait_for)))
      std::this_thread::sleep_for(milliseconds(2));
    std::this_thread::sleep_for(after);
    ::kill(child, signal);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

  fs::path log_ = folder_ / "output";
};

}  // namespace

TEST_F(Trouble, ASecondJobIsRefusedAndTheFirstNotDisturbed) {
  {
    BackgroundProgram first(arguments("run", "--set train.steps=100000"), folder_ / "first", 0);
    while (first.running() && !fs::exists(checkpoint("run", 2)))
      std::this_thread::sleep_for(milliseconds(5));
    std::string const other = (folder_ / "other").string();
    for (std::string const& folders :
         {std::string(), fmt::format("--set log.directory='{}/log'", other),
          fmt::format("--set checkpoint.directory='{}/ck'", other)}) {
      EXPECT_EQ(train("run", "--set train.steps=3 " + folders), 64) << text_of(log_);
      EXPECT_THAT(text_of(log_), HasSubstr("in use by accord train on")) << folders;
    }
    ASSERT_TRUE(first.running()) << text_of(folder_ / "first");
  }
  // It was killed: what it held is free at once, which is said.
  ASSERT_EQ(train("run", "--set train.steps=100000 --set train.stop_after_step=1"), 75)
      << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("taken over from accord train on"));
  EXPECT_FALSE(fs::exists(folder_ / "run" / "log" / "lease.json"));
}

TEST_F(Trouble, ARunThatIsAskedToStopSavesWhateverTheSignalIs) {
  for (int const signal : {SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGXCPU}) {
    std::string const run = fmt::format("run-{}", signal);
    EXPECT_EQ(signalled(signal, run, "--set train.steps=100000", milliseconds(0),
                        folder_ / run / "log" / "metrics.jsonl"),
              75)
        << signal << text_of(log_);
    EXPECT_THAT(text_of(log_), HasSubstr("run the same command again"));
    EXPECT_FALSE(io::list_checkpoints(folder_ / run / "ck").empty());
  }
}

TEST_F(Trouble, ASignalWhileARunStartsIsNoDeath) {
  std::string const slow =
      "--set train.steps=9 --set model.embed_dim=256 --set model.ffn_dim=1024 --set model.layers=8 "
      "--set train.global_batch=2 ";
  ASSERT_EQ(train("run", slow + "--set train.stop_after_step=1"), 75) << text_of(log_);
  for (int const after : {0, 20, 200}) {
    EXPECT_EQ(signalled(SIGTERM, "run", slow, milliseconds(after)), 75) << after << text_of(log_);
    EXPECT_THAT(text_of(log_), HasSubstr("run the same command again"));
  }
  EXPECT_EQ(signalled(SIGTERM, "fresh", slow, milliseconds(100)), 75) << text_of(log_);
}

TEST_F(Trouble, AfterAFailureTheKeysThatItsMessageNamesMayChange) {
  std::string const steps = "--set train.steps=12 ";
  EXPECT_EQ(train("run", steps + "--set schedule.learning_rate=1e6"), 70) << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("not finite"));
  EXPECT_THAT(text_of(log_), HasSubstr("schedule.learning_rate"));
  EXPECT_THAT(text_of(folder_ / "run" / "log" / "events.jsonl"), HasSubstr("not finite"));
  EXPECT_NE(train("run", steps + "--set schedule.learning_rate=1e-3"), 64) << text_of(log_);
  EXPECT_THAT(text_of(log_),
              HasSubstr("changed on request: schedule.learning_rate: 1000000.0 -> 0.001"));
}

TEST_F(Trouble, AKeyMayChangeOnRequestAndThatIsRemembered) {
  ASSERT_EQ(train("run", "--set train.steps=4 --set train.stop_after_step=1"), 75);
  std::string const other =
      "--set train.steps=4 --set train.stop_after_step=2 --set schedule.learning_rate=2e-4 --set "
      "loss.tile=64 ";
  EXPECT_EQ(train("run", other), 64);
  EXPECT_THAT(text_of(log_), HasSubstr("--allow-change schedule.learning_rate"));
  EXPECT_THAT(text_of(log_), Not(HasSubstr("loss.tile")));  // speed and memory only
  EXPECT_EQ(train("run", other + "--set optimizer.beta1=0.5 --allow-change optimizer.beta1"), 64);
  EXPECT_THAT(text_of(log_), HasSubstr("optimizer.clip_norm"));  // one of those that may
  ASSERT_EQ(train("run", other + "--allow-change schedule.learning_rate"), 75) << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("learning_rate"));
  auto const changes = io::read_manifest(checkpoint("run", 2)).documents.run.history;
  ASSERT_EQ(changes.size(), 1u);
  EXPECT_EQ(changes[0].step, 1);
  EXPECT_EQ(changes[0].key, "schedule.learning_rate");
  EXPECT_EQ(changes[0].after, "0.0002");
}

TEST_F(Trouble, NoNumbersThatAreNoneAreSavedOrGoneOnFrom) {
  ASSERT_EQ(train("run", "--set train.steps=5 --set train.stop_after_step=3"), 75);
  std::string const tensor =
      "exp_avg/encoder_wrapper.fusion_model.layers.0.self_attn_layer_norm.bias";
  io::overwrite_value(checkpoint("run", 3), tensor, 0, std::nanf(""));
  ASSERT_EQ(train("run", "--set train.steps=5"), 0) << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("is not a finite number; trying the one before"));
  EXPECT_EQ(steps("run"), (std::vector<Index>{1, 2, 3, 4, 5}));
  // A run that diverges on its last step.
  EXPECT_EQ(train("last", "--set train.steps=1 --set schedule.learning_rate=1e30"), 70);
  EXPECT_THAT(text_of(log_), HasSubstr("step 1: with the weights that this last step has made"));
  EXPECT_FALSE(fs::exists(checkpoint("last", 1)));
  // Those who only read.
  io::overwrite_value(checkpoint("run", 5), "weight" + tensor.substr(7), 0, std::nanf(""));
  std::string const data = fmt::format(" --data '{}' ", (folder_ / "data/heldout-pairs").string());
  EXPECT_EQ(accord_command(
                fmt::format("eval --checkpoint '{}'", checkpoint("run", 5).string()) + data, log_),
            65)
      << text_of(log_);
  fs::path const newest = folder_ / "run" / "ck";
  EXPECT_EQ(accord_command(fmt::format("eval --checkpoint '{}'", newest.string()) + data, log_), 0)
      << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("the newest of the others is taken"));
  EXPECT_EQ(accord_command(fmt::format("checkpoint export --checkpoint '{}' --out '{}'",
                                       newest.string(), (folder_ / "out.safetensors").string()),
                           log_),
            0)
      << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("the newest of the others is taken"));
}

TEST_F(Trouble, AStepThatIsNotFiniteIsLeftOutOrGoneBackFromAsTheRunIsTold) {
  // The second step blows up, and then every one does.
  std::string const wild = "--set train.steps=12 --set schedule.learning_rate=1e30 ";
  EXPECT_EQ(train("skip", wild + "--set train.nonfinite=skip --set train.nonfinite_limit=3"), 70)
      << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("step 2: the gradient is not finite"));
  EXPECT_THAT(text_of(log_), HasSubstr("samples at positions 16 to 31"));
  EXPECT_THAT(text_of(log_), HasSubstr("of the gradient of "));
  EXPECT_EQ(steps("skip"), (std::vector<Index>{1, 2, 3, 4}));
  EXPECT_THAT(text_of(folder_ / "skip" / "log" / "events.jsonl"), HasSubstr("is left out"));
  EXPECT_EQ(train("rewind", wild + "--set train.nonfinite=rewind --set train.nonfinite_limit=2"),
            70)
      << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("past 1 batches from there"));
  EXPECT_THAT(text_of(log_), HasSubstr("past 2 batches from there"));
  EXPECT_THAT(text_of(log_), HasSubstr("samples at positions 48 to 63"));
}

TEST_F(Trouble, BatchesArePassedOverOnRequest) {
  std::string const steps = "--set train.steps=5 ";
  ASSERT_EQ(train("run", steps + "--set train.stop_after_step=2"), 75) << text_of(log_);
  EXPECT_EQ(train("run", steps + "--set data.skip_steps=1"), 64);
  ASSERT_EQ(train("run", steps + "--set data.skip_steps=1 --allow-change data.skip_steps "
                                 "--set train.stop_after_step=3"),
            75)
      << text_of(log_);
  ASSERT_EQ(train("run", steps + "--set data.skip_steps=1"), 0) << text_of(log_);
  auto const loader =
      nlohmann::json::parse(io::read_manifest(checkpoint("run", 5)).documents.loader);
  EXPECT_EQ(loader.at("position"), 6 * 16);
}

TEST_F(Trouble, WhoEndsEarlySaysWhyAndWhoWasDoneSaysSo) {
  ASSERT_EQ(train("run", "--set train.steps=4 --set train.stop_after_step=2"), 75);
  EXPECT_THAT(text_of(log_), HasSubstr("stopped after train.stop_after_step = 2 at step 2 of 4"));
  ASSERT_EQ(train("run", "--set train.steps=4 --set train.stop_after_step=2"), 75);
  EXPECT_THAT(text_of(log_), HasSubstr("nothing was done"));
  ASSERT_EQ(train("run", "--set train.steps=4"), 0);
  ASSERT_EQ(train("run", "--set train.steps=4"), 0);
  EXPECT_THAT(text_of(log_), HasSubstr("all 4 steps were done before"));
  ASSERT_EQ(train("run", "--set train.steps=5"), 0);
  EXPECT_THAT(text_of(log_), HasSubstr("steps 4 -> 5"));
}

TEST_F(Trouble, ALogThatCannotBeWrittenEndsARunSaved) {
  fs::path const events = folder_ / "run" / "log" / "events.jsonl", full = folder_ / "full";
  fs::create_symlink("/dev/full", full);
  int code = 0;
  std::thread run([&] { code = train("run", "--set train.steps=100000 --set checkpoint.keep=0"); });
  while (!fs::exists(checkpoint("run", 2))) std::this_thread::sleep_for(milliseconds(2));
  fs::rename(full, events);  // what is appended from now on does not fit
  run.join();
  EXPECT_EQ(code, 74) << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("events.jsonl: writing failed: No space left on device"));
  std::vector<io::StepFolder> const saved = io::list_checkpoints(folder_ / "run" / "ck");
  ASSERT_FALSE(saved.empty());
  EXPECT_GE(saved.front().step, steps("run").back());
}

TEST_F(Trouble, AnErrorOfOneRankIsHeard) {
  std::string const good = arguments("run", "--set train.steps=1");
  EXPECT_EQ(accord_command(
                fmt::format("{} : -n 1 --bind-to none '{}' train --config '{}'", good,
                            environment("ACCORD_EXECUTABLE"), (folder_ / "typo.toml").string()),
                log_, 1),
            64);
  EXPECT_THAT(text_of(log_), HasSubstr("[rank 1 on "));
  EXPECT_THAT(text_of(log_), HasSubstr("typo.toml"));
}

TEST_F(Trouble, AFileSizeLimitAndAReaderThatIsGoneAreErrorsNotDeaths) {
  std::string const program = environment("ACCORD_EXECUTABLE");
  auto const shell = [&](std::string const& command) {
    int const status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  };
  EXPECT_EQ(shell(fmt::format("ulimit -f 16384; '{}' {} >'{}' 2>&1", program,
                              arguments("limit",
                                        "--set train.steps=2 --set model.embed_dim=128 --set "
                                        "model.ffn_dim=512"),
                              log_.string())),
            74)
      << text_of(log_);
  EXPECT_THAT(text_of(log_), HasSubstr("File too large"));
  EXPECT_EQ(shell(fmt::format("'{}' {} >/dev/full 2>'{}'", program,
                              arguments("full", "--set train.steps=2"), log_.string())),
            74)
      << text_of(log_);
  EXPECT_TRUE(fs::exists(checkpoint("full", 2)));
  for (std::string const& command :
       {std::string("--help"), std::string("--version"), std::string("config --reference"),
        fmt::format("checkpoint inspect '{}'", checkpoint("full", 2).string()),
        fmt::format("data inspect '{}'", (folder_ / "data/train").string())})
    EXPECT_EQ(shell(fmt::format("'{}' {} >/dev/full 2>'{}'", program, command, log_.string())), 74)
        << command << text_of(log_);
}
