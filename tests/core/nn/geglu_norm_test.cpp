#include "core/nn/geglu_norm.hpp"

#include <gtest/gtest.h>

#include "core/tensor/initial_values.hpp"
#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

constexpr Index geglu_width = 6;

GegluNorm add_geglu_norm(ParameterScope const& scope, TensorParallelRegion const& region) {
  int const weight = scope.add({"weight", {geglu_width}, constant_init(1), region.inside()}),
            bias = scope.add({"bias", {geglu_width}, constant_init(0), region.inside()});
  return GegluNorm(LayerNorm(scope.store(), weight, bias, region.group(), geglu_width));
}

// x [m, 2 geglu_width]: gates, then values; a rank takes its columns of both, and dx lies over
// them.
testing::TestedModule make_geglu_norm(Queue&, ParameterScope const& scope,
                                      TensorParallelRegion const& region) {
  GegluNorm const module = add_geglu_norm(scope, region);
  auto const saved = std::make_shared<LayerNorm::Saved>();
  auto const gate_up = std::make_shared<Tensor>();
  Index const n = geglu_width / region.size(), first = region.group().rank() * n;
  RowShares const shares = region.share(5);
  return {[=](Queue& queue, ConstView x) {
            Tensor room;
            ConstView const all = region.enter_forward(queue, x, shares, room);
            *gate_up = Tensor(queue, x.dtype(), Shape{all.rows(), 2 * n});
            for (Index half : {0, 1})
              copy(queue, all.columns(half * geglu_width + first, n),
                   gate_up->view().columns(half * n, n));
            Tensor const y = module.forward(queue, *gate_up, *saved);
            Tensor placed = Tensor::zeros(queue, x.dtype(), Shape{all.rows(), geglu_width});
            copy(queue, y, placed.view().columns(first, n));
            return region.leave_forward(queue, std::move(placed), shares);
          },
          [=](Queue& queue, ConstView, ConstView dy) {
            Tensor room;
            ConstView const all = region.leave_backward(queue, dy, shares, room);
            Tensor own(queue, dy.dtype(), Shape{all.rows(), n});
            copy(queue, all.columns(first, n), own);
            module.backward(queue, own, *gate_up, *saved, *gate_up);
            Tensor placed = Tensor::zeros(queue, dy.dtype(), Shape{all.rows(), 2 * geglu_width});
            for (Index half : {0, 1})
              copy(queue, gate_up->view().columns(half * n, n),
                   placed.view().columns(half * geglu_width + first, n));
            return region.enter_backward(queue, std::move(placed), shares);
          }};
}

TEST(GegluNorm, BackwardMatchesFiniteDifferences) {
  testing::expect_module_gradients_match_finite_differences(make_geglu_norm, {5, 2 * geglu_width});
  testing::expect_module_gradients_match_finite_differences(make_geglu_norm, {5, 2 * geglu_width},
                                                            {"weight"});
}

TEST(GegluNorm, SplitOverTensorRanksEqualsTheWhole) {
  for (int const ranks : {2, 3})
    testing::expect_module_on_tensor_ranks_equals_whole(make_geglu_norm, {5, 2 * geglu_width},
                                                        ranks);
}

TEST(GegluNorm, RecomputesTheSameBits) {
  for (int const ranks : {1, 2})
    parallel::ThreadGroup(ranks).run([](parallel::GroupCommunicator& group) {
      Queue queue(Backend::cpu);
      ParameterStore store(group.rank(), group.size());
      ParameterScope::Rules const rules;
      GegluNorm const norm =
          add_geglu_norm(ParameterScope(store, rules), TensorParallelRegion(group));
      store.allocate(queue, DType::float64);
      initialise(queue, store, InitMode::dense, 7);
      Tensor const x =
          testing::random_tensor(queue, DType::float64, {4, 2 * geglu_width / group.size()}, 3);
      LayerNorm::Saved saved;
      EXPECT_EQ(testing::values_of(queue, norm.forward(queue, x, saved)),
                testing::values_of(queue, norm.recompute(queue, x)));
    });
}

}  // namespace
}  // namespace accord
