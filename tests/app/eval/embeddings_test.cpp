#include "app/eval/embeddings.hpp"

#include <gtest/gtest.h>

#include <iterator>

#include "parallel/comm/thread_communicator.hpp"
#include "tests/app/train/tiny_training.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::app {
namespace {

class EmbedderTest : public TemporaryFolder {};

// Threads of this process.
std::ptrdiff_t threads_now() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
}

TEST_F(EmbedderTest, ReadsWithTheThreadsThatDataThreadsSays) {
  std::filesystem::path const dataset = testing::tiny_dataset(folder_ / "data");
  parallel::ThreadGroup(1).run([&](parallel::GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    Config config = testing::tiny_config(dataset, {});
    auto const tokenizer = io::Tokenizer::load(config.data.tokenizer);
    Training training(queue, world, config, tokenizer);
    config = training.config();
    io::Dataset const held_out = open_agreed(queue, world, dataset);
    Embedder embedder(queue, world, training.groups(), training.model(), config, tokenizer);
    auto const threads_with = [&](Index threads) {
      config.data.threads = threads;
      std::ptrdiff_t most = 0;
      embedder.embed(held_out, 0, [&](Index, Index) { most = std::max(most, threads_now()); });
      return most;
    };
    threads_with(1);  // whatever else is started once
    std::ptrdiff_t const one = threads_with(1);
    EXPECT_EQ(threads_with(5), one + 4);
  });
}

}  // namespace
}  // namespace accord::app
