// Memory of the contrast at a size that matters: 512 samples a rank, features of 512.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <mutex>

#include "core/loss/sigmoid_contrastive.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/op_testing.hpp"

namespace accord {
namespace {

constexpr Index rows = 512, feature_width = 512;

/// Of one form of the loss: queue, group, both sides, a scalar, gradients of the sides, that of the
/// scalar.
using Form =
    std::function<void(Queue&, Communicator&, ConstView, ConstView, ConstView, View, View, View)>;

Form of(decltype(&contrast_ring) function) {
  return [function](Queue& queue, Communicator& group, ConstView a, ConstView b, ConstView scale,
                    View da, View db,
                    View dscale) { function(queue, group, a, b, scale, {}, da, db, dscale); };
}
void sigmoid_ring(Queue& queue, Communicator& group, ConstView a, ConstView b, ConstView scale,
                  View da, View db, View dscale) {
  sigmoid_contrast_ring(queue, group, a, b, {scale, scale}, {}, da, db, {dscale, dscale});
}

/// Most bytes held at once between entry and exit, on the fullest rank.
std::size_t bytes_held(Form const& form, int ranks) {
  std::size_t most = 0;
  std::mutex mutex;
  parallel::ThreadGroup(ranks).run([&](Communicator& group) {
    Queue queue(Backend::cpu);
    auto const seed = static_cast<std::uint32_t>(group.rank());
    Tensor const a =
        testing::random_tensor(queue, DType::float32, {rows, feature_width}, 2 * seed + 1);
    Tensor const b =
        testing::random_tensor(queue, DType::float32, {rows, feature_width}, 2 * seed + 2);
    Tensor const scale = testing::tensor_of(queue, DType::float32, {0.1}, {1});
    Tensor da(queue, DType::float32, a.shape()), db(queue, DType::float32, b.shape());
    Tensor dscale = Tensor::zeros(queue, DType::float32, {1});
    std::size_t const before = queue.memory().bytes_in_use();
    queue.memory().reset_high_water();
    form(queue, group, a, b, scale, da, db, dscale);
    std::lock_guard const lock(mutex);
    most = std::max(most, queue.memory().high_water() - before);
  });
  return most;
}

TEST(ContrastiveMemory, IsFlatInTheNumberOfRanksForTheRingsAndGrowsForTheGatheredForm) {
  std::map<int, std::size_t> ring, sigmoid, gathered;
  fmt::print("{:>5} {:>12} {:>10} {:>17} {:>14}\n", "ranks", "global batch", "ring MiB",
             "sigmoid ring MiB", "gathered MiB");
  for (int const ranks : {2, 4, 8}) {
    ring[ranks] = bytes_held(of(contrast_ring), ranks);
    sigmoid[ranks] = bytes_held(sigmoid_ring, ranks);
    gathered[ranks] = bytes_held(of(contrast_gathered), ranks);
    auto const mebibytes = [](std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
    fmt::print("{:>5} {:>12} {:>10.2f} {:>17.2f} {:>14.2f}\n", ranks, ranks * rows,
               mebibytes(ring[ranks]), mebibytes(sigmoid[ranks]), mebibytes(gathered[ranks]));
  }
  for (int const ranks : {4, 8}) {
    EXPECT_NEAR(static_cast<double>(ring[ranks]), static_cast<double>(ring[2]),
                0.05 * static_cast<double>(ring[2]));
    EXPECT_NEAR(static_cast<double>(sigmoid[ranks]), static_cast<double>(sigmoid[2]),
                0.05 * static_cast<double>(sigmoid[2]));
    EXPECT_LT(sigmoid[ranks], ring[ranks]);  // no gradient travels
    EXPECT_GT(gathered[ranks], gathered[ranks / 2] + gathered[2] / 4);
  }
  EXPECT_GT(gathered[8], ring[8]);
}

}  // namespace
}  // namespace accord
