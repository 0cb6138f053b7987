#include "parallel/data/sharded_optimizer.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <mutex>

#include "core/tensor/initial_values.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/parallel/data/toy_checks.hpp"

namespace accord::parallel {
namespace {

// The run on every rank of the layout, by rank.
std::vector<ToyResult> run_on(ToyLayout const& layout, ToyRun const& run) {
  int const ranks = layout.mesh.data * layout.mesh.pipeline * layout.mesh.tensor;
  std::vector<ToyResult> results(static_cast<std::size_t>(ranks));
  ThreadGroup(ranks).run([&](GroupCommunicator& world) {
    results[static_cast<std::size_t>(world.rank())] = run_toy(world, layout, run);
  });
  return results;
}

std::vector<ToyLayout> layouts() {
  return {
      {.mesh = {2, 1, 1}},
      {.mesh = {3, 1, 1}, .overlap = true},
      {.mesh = {4, 1, 1}, .bucket_bytes = 1 << 20},
      {.mesh = {4, 1, 1}, .zero = Zero::replicated, .bucket_bytes = 8, .overlap = true},
      {.mesh = {1, 1, 2}},
      {.mesh = {1, 1, 2}, .sequence_parallel = true},
      {.mesh = {2, 1, 4}, .sequence_parallel = true, .overlap = true},
      {.mesh = {1, 2, 1}},
      {.mesh = {2, 4, 1}, .zero = Zero::replicated},
      {.mesh = {2, 2, 2}, .sequence_parallel = true, .zero = Zero::replicated, .overlap = true},
      {.mesh = {2, 2, 2}, .sequence_parallel = true, .overlap = true},
  };
}

class ShardedOptimizerOverLayouts : public ::testing::TestWithParam<ToyLayout> {};

TEST_P(ShardedOptimizerOverLayouts, GivesTheBitsOfOneRankWhenSumsAreExact) {
  ToyRun const run;
  expect_same(run_on(GetParam(), run)[0], run_toy_alone(run));
}

TEST_P(ShardedOptimizerOverLayouts, AgreesWithOneRankToRounding) {
  ToyRun const run{.gradient_unit = 1.0 / 3};
  expect_close(run_on(GetParam(), run)[0], run_toy_alone(run), 1e-14);
}

TEST_P(ShardedOptimizerOverLayouts, LeavesEveryCopyOfAParameterEqual) {
  ToyRun const run{.gradient_unit = 1.0 / 3};
  auto const results = run_on(GetParam(), run);
  auto const& weights = results[0].tensors.at(TensorKind::weight);
  for (ToyResult const& rank : results)
    for (auto const& [name, begin, values] : rank.copies)
      for (std::size_t i = 0; i < values.size(); ++i)
        ASSERT_EQ(values[i], weights.at(name).values[static_cast<std::size_t>(begin) + i])
            << name << "[" << begin + static_cast<Index>(i) << "]";
}

INSTANTIATE_TEST_SUITE_P(Layouts, ShardedOptimizerOverLayouts, ::testing::ValuesIn(layouts()),
                         [](auto const& info) {
                           ToyLayout const& l = info.param;
                           return "dp" + std::to_string(l.mesh.data) + "pp" +
                                  std::to_string(l.mesh.pipeline) + "tp" +
                                  std::to_string(l.mesh.tensor) +
                                  (l.sequence_parallel ? "sequence" : "") +
                                  (l.zero == Zero::sharded ? "Zero1" : "Zero0") +
                                  (l.overlap ? "overlap" : "") + std::to_string(info.index);
                         });

TEST(ShardedOptimizer, GivesTheSameBitsUnderZero0AndZero1) {
  for (DType dtype : {DType::float64, DType::float32})
    for (MeshShape mesh : {MeshShape{2, 1, 1}, MeshShape{4, 1, 1}, MeshShape{2, 2, 2}}) {
      ToyRun const run{.dtype = dtype, .gradient_unit = 1.0 / 7};
      expect_same(run_on({.mesh = mesh, .zero = Zero::replicated}, run)[0],
                  run_on({.mesh = mesh, .zero = Zero::sharded}, run)[0]);
    }
}

TEST(ShardedOptimizer, FollowsAStraightforwardLoop) {
  ToyRun run{.gradient_unit = 1.0 / 3};
  run.options.clip_norm = 60;
  run.disturbance = [](int step, std::string const& name) {  // so that some steps are clipped
    return step == 1 && name == "proj" ? 100.0 : 0.0;
  };
  ToyResult const got = run_toy_alone(run);
  ParameterStore store;
  add_toy_parameters(store, 0, 1);
  bool clipped = false, unclipped = false;
  std::vector<std::vector<double>> w(static_cast<std::size_t>(store.count())), m = w, v = w;
  for (int id = 0; id < store.count(); ++id) {
    auto const at = static_cast<std::size_t>(id);
    w[at].resize(static_cast<std::size_t>(store.spec(id).shape.size()));
    m[at] = v[at] = w[at];
    for (std::size_t i = 0; i < w[at].size(); ++i)
      w[at][i] = initial_value(InitMode::dense, store.spec(id), 1, static_cast<Index>(i));
  }
  for (int step = 0; step < run.steps; ++step) {
    std::vector<std::vector<double>> g(w.size());
    double squares = 0;
    for (int id = 0; id < store.count(); ++id) {
      if (!store.spec(id).trainable) continue;
      for (Index i = 0; i < store.spec(id).shape.size(); ++i) {
        g[static_cast<std::size_t>(id)].push_back(toy_gradient(run, step, store.spec(id), i));
        squares += g[static_cast<std::size_t>(id)].back() * g[static_cast<std::size_t>(id)].back();
      }
    }
    double const norm = std::sqrt(squares), clip = std::min(1.0, 60 / (norm + 1e-6));
    EXPECT_NEAR(got.steps[static_cast<std::size_t>(step)].grad_norm, norm, 1e-13 * norm);
    (clip < 1 ? clipped : unclipped) = true;
    double const t = step + 1, rate = 1e-2 / t;
    for (int id = 0; id < store.count(); ++id) {
      auto const at = static_cast<std::size_t>(id);
      for (std::size_t i = 0; i < g[at].size(); ++i) {
        double const gradient = clip * g[at][i];
        m[at][i] = 0.9 * m[at][i] + (1 - 0.9) * gradient;
        v[at][i] = 0.98 * v[at][i] + (1 - 0.98) * gradient * gradient;
        double const decay = store.spec(id).decay ? 0.05 : 0;
        w[at][i] -=
            rate * decay * w[at][i] + rate * m[at][i] / (1 - std::pow(0.9, t)) /
                                          (std::sqrt(v[at][i] / (1 - std::pow(0.98, t))) + 1e-8);
        if (store.spec(id).name == "logit_scale")
          w[at][i] = std::min(std::max(w[at][i], 0.0), std::log(100.0));
      }
    }
  }
  EXPECT_TRUE(clipped && unclipped);
  for (int id = 0; id < store.count(); ++id) {
    auto const at = static_cast<std::size_t>(id);
    std::vector<double> const& values =
        got.tensors.at(TensorKind::weight).at(store.spec(id).name).values;
    for (std::size_t i = 0; i < w[at].size(); ++i)
      EXPECT_NEAR(values[i], w[at][i], 1e-13) << store.spec(id).name;
  }
}

TEST(ShardedOptimizer, ReportsANormThatIsNotFiniteAndChangesNothing) {
  for (double bad : {std::nan(""), std::numeric_limits<double>::infinity()}) {
    ToyRun run{.steps = 2};
    ToyRun const good{.steps = 1};
    run.disturbance = [&](int step, std::string const& name) {
      return step == 1 && name == "layers.2.wo" ? bad : 0.0;
    };
    auto const results = run_on({.mesh = {2, 2, 1}}, run);
    for (ToyResult const& rank : results) {
      EXPECT_TRUE(rank.steps[0].finite);
      EXPECT_FALSE(rank.steps[1].finite);
    }
    ToyResult const want = run_on({.mesh = {2, 2, 1}}, good)[0];
    for (TensorKind kind : ShardedOptimizer::kinds())
      for (auto const& [name, tensor] : want.tensors.at(kind))
        EXPECT_EQ(results[0].tensors.at(kind).at(name).values, tensor.values) << name;
  }
}

TEST(ShardedOptimizer, HoldsLogitScaleBelowTheLogarithmOf100) {
  ToyRun run{.steps = 30};
  run.options.learning_rate_scale.assign(100, 300);
  for (double direction : {-1.0, 1.0}) {
    run.disturbance = [&](int, std::string const& name) {
      return name == "logit_scale" ? 1e6 * direction : 0.0;
    };
    auto const results = run_on({.mesh = {2, 2, 1}}, run);
    double const value = results[0].tensors.at(TensorKind::weight).at("logit_scale").values.at(0);
    EXPECT_EQ(value, direction < 0 ? std::log(100.0) : 0.0);
  }
}

// Fills the pieces of one layout from logical tensors, as loading a checkpoint does.
TEST(ShardedOptimizer, TakesItsStateFromAnyLayout) {
  ToyRun const run{.steps = 2};
  ToyResult const saved = run_toy_alone(run);
  for (ToyLayout const& layout : layouts()) {
    int const ranks = layout.mesh.data * layout.mesh.pipeline * layout.mesh.tensor;
    ThreadGroup(ranks).run([&](GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      MeshCoordinates const at = coordinates_of(layout.mesh, world.rank());
      MeshGroups groups = make_groups(world, layout.mesh);
      ParameterStore store(at.tensor, layout.mesh.tensor);
      add_toy_parameters(store, at.pipeline, layout.mesh.pipeline);
      store.allocate(queue, DType::float64);  // zeros: whatever is not loaded shows
      Ownership const ownership(queue, store, groups, layout.bucket_bytes);
      ShardedOptimizer optimizer(queue, store, groups, ownership, {}, layout.zero);
      for (TensorKind kind : ShardedOptimizer::kinds())
        for (LogicalPiece const& piece : optimizer.pieces(kind, Copies::all)) {
          auto const& values = saved.tensors.at(kind).at(store.spec(piece.parameter).name).values;
          std::copy_n(values.begin() + piece.logical_begin, piece.values.size(),
                      piece.values.as<double>());
        }
      optimizer.spread_loaded(queue);
      optimizer.set_completed(2);
      for (ParameterPiece const& piece : store.pieces(0, store.total_size())) {
        std::string const& name = store.spec(piece.parameter).name;
        auto const& values = saved.tensors.at(TensorKind::weight).at(name).values;
        for (Index i = 0; i < piece.count; ++i)
          ASSERT_EQ(store.flat_values().as<double>()[piece.flat_begin + i],
                    values[static_cast<std::size_t>(piece.logical_begin + i)])
              << name;
      }
      // The next step of a resumed run is that of the uninterrupted one: moments arrived too.
      GradientReducer reducer(store, groups, ownership, false);
      store.zero_gradients(queue);
      reducer.finish(queue);
      optimizer.step(queue, reducer, 1e-3);
      for (auto [kind, beta] : {std::pair{TensorKind{"exp_avg"}, 0.9}, {{"exp_avg_sq"}, 0.98}}) {
        auto const tensors =
            gather_logical(queue, world, store, optimizer.pieces(kind, Copies::primary));
        for (auto const& [name, tensor] : tensors)
          for (std::size_t i = 0; i < tensor.values.size(); ++i)
            ASSERT_EQ(tensor.values[i], beta * saved.tensors.at(kind).at(name).values[i]) << name;
      }
      EXPECT_EQ(optimizer.completed(), 3);
    });
  }
}

TEST(ShardedOptimizer, HasTheKindsThatItsUpdateNames) {
  std::vector<std::string_view> names;
  for (TensorKind const kind : ShardedOptimizer::kinds()) names.push_back(kind.name);
  EXPECT_EQ(names, (std::vector<std::string_view>{"weight", "exp_avg", "exp_avg_sq"}));
  Queue queue(Backend::cpu);
  MeshGroups groups;
  ParameterStore store;
  add_toy_parameters(store, 0, 1);
  store.allocate(queue, DType::float32);
  Ownership const ownership(queue, store, groups);
  ShardedOptimizer optimizer(queue, store, groups, ownership, {}, Zero::sharded);
  EXPECT_THROW(optimizer.pieces({"momentum"}, Copies::all), Error);
}

TEST(GatherLogical, NamesAnElementThatNobodyOrTwoRanksHold) {
  auto const gather = [](Copies copies, bool lose) {
    ThreadGroup(2).run([&](GroupCommunicator& world) {
      Queue queue(Backend::cpu);
      MeshGroups groups = make_groups(world, {1, 1, 2});
      ParameterStore store(world.rank(), 2);
      add_toy_parameters(store, 0, 1);
      store.allocate(queue, DType::float32);
      Ownership const ownership(queue, store, groups);
      ShardedOptimizer optimizer(queue, store, groups, ownership, {}, Zero::sharded);
      auto pieces = optimizer.pieces(TensorKind::weight, copies);
      if (lose && world.rank() == 1) pieces.pop_back();
      gather_logical(queue, world, store, pieces);
    });
  };
  gather(Copies::primary, false);
  EXPECT_THROW(gather(Copies::primary, true), Error);
  EXPECT_THROW(gather(Copies::all, false), Error);
}

// The weights' working copies are bfloat16; the masters get updates that those would lose.
TEST(ShardedOptimizer, KeepsFloat32MastersOfABfloat16Store) {
  ToyRun run{.dtype = DType::bfloat16};
  ToyResult const alone = run_toy_alone(run);
  run.dtype = DType::float32;
  ToyResult const single = run_toy_alone(run);
  bool finer = false;
  for (auto const& [name, tensor] : alone.tensors.at(TensorKind::weight))
    for (std::size_t i = 0; i < tensor.values.size(); ++i) {
      EXPECT_NEAR(tensor.values[i], single.tensors.at(TensorKind::weight).at(name).values[i],
                  0x1p-8)
          << name;
      finer |= to_float32(to_bfloat16(static_cast<float>(tensor.values[i]))) != tensor.values[i];
    }
  EXPECT_TRUE(finer);
  run.dtype = DType::bfloat16;
  for (Zero const zero : {Zero::replicated, Zero::sharded})
    for (MeshShape const mesh : {MeshShape{1, 1, 1}, MeshShape{2, 1, 1}, MeshShape{2, 2, 2}}) {
      auto const results = run_on({.mesh = mesh, .zero = zero}, run);
      expect_same(results[0], alone);
      auto const& masters = results[0].tensors.at(TensorKind::weight);
      for (ToyResult const& rank : results)
        for (auto const& [name, begin, values] : rank.copies)
          for (std::size_t i = 0; i < values.size(); ++i) {
            double const master = masters.at(name).values[static_cast<std::size_t>(begin) + i];
            ASSERT_EQ(values[i], to_float32(to_bfloat16(static_cast<float>(master)))) << name;
          }
    }
}

}  // namespace
}  // namespace accord::parallel
