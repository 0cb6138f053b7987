// One training across two nodes: what a run computes does not depend on where its ranks are.

#include <gtest/gtest.h>

#include <chrono>
#include <cstdio>
#include <thread>

#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

bool succeeds(std::string const& command) { return std::system(command.c_str()) == 0; }

/// A fake node of this machine (start-node) while it lives.
class Node {
 public:
  Node(fs::path const& scripts, fs::path const& folder, std::string const& name)
      : input_(::popen(
            fmt::format("'{}' '{}' {}", (scripts / "start-node").string(), folder.string(), name)
                .c_str(),
            "w")) {
    for (int tries = 0; tries < 100 && text_of(folder / (name + ".pid")).empty(); ++tries)
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ~Node() { ::pclose(input_); }
  Node(Node const&) = delete;
  Node& operator=(Node const&) = delete;

 private:
  std::FILE* input_;
};

class TwoNodes : public TemporaryFolder {
 protected:
  void SetUp() override {
    if (!succeeds("unshare --mount --uts --pid --fork --mount-proc true 2>/dev/null"))
      GTEST_SKIP() << "this user may not unshare namespaces, so there is no second node";
    scripts_ = fs::path(environment("ACCORD_SOURCE_DIR")) / "tests/nodes";
    nodes_ = folder_ / "nodes";
    fs::create_directories(nodes_);
    ::setenv("ACCORD_NODES", nodes_.c_str(), 1);
    for (std::string const name : {"n1", "n2"})
      running_.push_back(std::make_unique<Node>(scripts_, nodes_, name));
  }

  /// Options of mpirun: one rank on each node, messages over TCP.
  std::string across() const {
    return fmt::format(
        "--mca plm rsh --mca plm_rsh_agent '{}' --host n1:1,n2:1 --mca btl self,tcp "
        "--mca btl_tcp_if_include lo --mca oob_tcp_if_include lo",
        (scripts_ / "run-on-node").string());
  }

  /// Three steps on two ranks; returns the metrics.
  std::map<std::int64_t, nlohmann::json> train(std::string const& name,
                                               std::string const& launcher_options) {
    fs::path const run = folder_ / name;
    int const code = accord_command(
        fmt::format("train --config '{0}/jobs/configs/tiny-vl.toml' --set "
                    "data.train='{1}/data/train' --set train.steps=3 --set train.micro_batch=16 "
                    "--set parallel.zero=1 --set parallel.check_collectives=true "
                    "--set log.directory='{2}' --set checkpoint.directory='{2}/checkpoints'",
                    environment("ACCORD_SOURCE_DIR"), folder_.string(), run.string()),
        folder_ / (name + ".log"), 2, launcher_options);
    EXPECT_EQ(code, 0) << text_of(folder_ / (name + ".log"));
    return metrics_of(run / "metrics.jsonl");
  }

  fs::path scripts_, nodes_;
  std::vector<std::unique_ptr<Node>> running_;
};

TEST_F(TwoNodes, TrainBitForBitAsOneMachineDoes) {
  fs::path const hosts = folder_ / "hosts";
  ASSERT_TRUE(succeeds(fmt::format("{} -n 2 {} hostname 2>/dev/null | sort >'{}'",
                                   environment("ACCORD_MPIEXEC"), across(), hosts.string())));
  ASSERT_EQ(text_of(hosts), "n1\nn2\n");
  ASSERT_EQ(accord_command(fmt::format("data synth --out '{}' --train 200 --held-out 20 --no-audio",
                                       (folder_ / "data").string()),
                           folder_ / "synth.log"),
            0)
      << text_of(folder_ / "synth.log");

  auto const one = train("one", ""), two = train("two", across());
  ASSERT_EQ(one.size(), 3u);
  ASSERT_EQ(two.size(), one.size());
  for (auto const& [step, line] : one)
    for (auto const& [field, value] : line.items()) {
      if (is_timing(field)) continue;
      EXPECT_EQ(two.at(step).at(field), value) << field << " of step " << step;
    }
}

}  // namespace
