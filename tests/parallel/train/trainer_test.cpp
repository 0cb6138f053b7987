#include "parallel/train/trainer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "parallel/comm/thread_communicator.hpp"
#include "parallel/data/gather_logical.hpp"
#include "tests/support/op_testing.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord::parallel {
namespace {

constexpr Index global_batch = 8;

// A replica of a tiny model and its trainer, in float64.
class Replica {
 public:
  explicit Replica(MeshGroups groups = {}) : groups_(std::move(groups)) {
    model.initialise(queue, InitMode::dense, 5);
  }

  // This replica's part of the samples of a step.
  std::vector<MicroBatch> batches(int step) const {
    Index const share = global_batch / groups_.data->size();
    std::vector<MicroBatch> batches;
    for (Index at = 0; at < share; at += 2)
      batches.push_back(testing::tiny_batch(
          model.config(),
          static_cast<std::uint64_t>(step * global_batch + groups_.data->rank() * share + at), 2));
    return batches;
  }
  std::vector<double> weights() { return values_of(model.parameters().flat_values()); }
  std::vector<double> gradients() { return values_of(model.parameters().flat_gradients()); }

  Queue queue{Backend::cpu};

 private:
  std::vector<double> values_of(View values) { return testing::values_of(queue, values); }

  MeshGroups groups_;

 public:
  Model model{queue, testing::tiny_model_config(2), DType::float64, *groups_.tensor,
              Model::whole(testing::tiny_model_config(2))};
  Trainer trainer{queue, model, groups_, {.step = {.global_batch = global_batch, .seed = 9}}};
};

}  // namespace

TEST(Trainer, StartsEachStepFromGradientsOfZero) {
  Replica replica;
  replica.trainer.gradients(replica.batches(0));
  std::vector<double> const once = replica.gradients();
  replica.trainer.gradients(replica.batches(0));
  EXPECT_EQ(replica.gradients(), once);
  EXPECT_NE(once, std::vector<double>(once.size(), 0));
}

TEST(Trainer, LeavesTheGradientsOfAStepUnclipped) {
  Replica replica;
  replica.trainer.gradients(replica.batches(0));
  std::vector<double> const gradients = replica.gradients(), before = replica.weights();
  EXPECT_EQ(replica.trainer.optimizer().completed(), 0);
  TrainerStep const step = replica.trainer.step(replica.batches(0), 1e-3);
  EXPECT_LT(step.update.clip_coefficient, 1);
  EXPECT_EQ(replica.gradients(), gradients);
  EXPECT_NE(replica.weights(), before);
  EXPECT_EQ(replica.trainer.optimizer().completed(), 1);
}

TEST(Trainer, GivesTheFiguresOfTheGlobalBatchAndBeforeTheUpdateEachReplicasShare) {
  Replica alone;
  StepFigures const want = alone.trainer.gradients(alone.batches(0));
  ThreadGroup(2).run([&](GroupCommunicator& world) {
    Replica replica(make_groups(world, {.data = 2}));
    std::vector<double> terms = replica.trainer.gradients(replica.batches(0)).terms;
    StepFigures const got = replica.trainer.step(replica.batches(0), 1e-3).figures;
    ASSERT_EQ(got.terms.size(), want.terms.size());
    EXPECT_EQ(got.correct, want.correct);
    world.all_reduce(replica.queue,
                     View(terms.data(), DType::float64, Shape{static_cast<Index>(terms.size())}));
    for (std::size_t o = 0; o < want.terms.size(); ++o) {
      EXPECT_NEAR(got.terms[o], want.terms[o], 1e-12 * want.terms[o]) << o;
      EXPECT_EQ(terms[o], got.terms[o]) << o;
    }
  });
}

TEST(Trainer, ChangesNothingWhereTheGradientIsNotFinite) {
  Replica replica, untroubled;
  View const weight = replica.model.parameters().value(0);
  double const good = weight.as<double>()[0];
  weight.as<double>()[0] = std::numeric_limits<double>::infinity();
  std::vector<double> const before = replica.weights();
  EXPECT_FALSE(replica.trainer.step(replica.batches(0), 1e-3).update.finite);
  EXPECT_EQ(replica.weights(), before);
  EXPECT_EQ(replica.trainer.optimizer().completed(), 0);

  weight.as<double>()[0] = good;  // the moments have seen nothing either
  EXPECT_TRUE(replica.trainer.step(replica.batches(1), 1e-3).update.finite);
  untroubled.trainer.step(untroubled.batches(1), 1e-3);
  EXPECT_EQ(replica.weights(), untroubled.weights());
}

}  // namespace accord::parallel
