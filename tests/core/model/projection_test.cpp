#include "core/model/projection.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "tests/support/module_gradcheck.hpp"

namespace accord {
namespace {

constexpr Index projected_width = 4;

// y: the embeddings, then the features, which others read too.
testing::TestedModule make_projection(Queue& queue, ParameterScope const& scope,
                                      TensorParallelRegion const&) {
  auto const module = std::make_shared<Projection>(scope, "image", projected_width);
  auto const saved = std::make_shared<Projection::Saved>();
  saved->rows = Tensor::from_host(queue, std::vector<std::int32_t>{4, 0, 2});
  return {[=](Queue& q, ConstView x) {
            module->forward(q, x, *saved);
            Tensor y(q, x.dtype(), Shape{3 + x.rows(), projected_width});
            copy(q, saved->z, y.view().rows(0, 3));
            copy(q, x, y.view().rows(3, x.rows()));
            return y;
          },
          [=](Queue& q, ConstView x, ConstView dy) {
            Tensor dx(q, x.dtype(), x.shape());
            copy(q, dy.rows(3, x.rows()), dx);
            module->backward(q, dy.rows(0, 3), *saved, dx);
            return dx;
          }};
}

TEST(Projection, BackwardMatchesFiniteDifferences) {
  testing::expect_module_gradients_match_finite_differences(make_projection, {6, projected_width});
  testing::expect_module_gradients_match_finite_differences(make_projection, {6, projected_width},
                                                            {"image_proj.weight"});
}

TEST(Projection, GivesUnitVectorsOfTheRowsAskedFor) {
  SelfCommunicator self;
  testing::ModuleOnRank module(Backend::reference, make_projection, {}, TensorParallelRegion(self));
  Queue& queue = module.queue();
  Tensor const x = testing::random_tensor(queue, DType::float64, {6, projected_width}, 1);
  auto const z = testing::values_of(queue, module.forward(x).view().rows(0, 3)),
             features = testing::values_of(queue, x),
             weight = testing::values_of(
                 queue, module.store().value(module.store().find("image_proj.weight"))),
             bias = testing::values_of(
                 queue, module.store().value(module.store().find("image_proj.bias")));
  std::vector<double> want;
  for (std::size_t const row : {4u, 0u, 2u}) {
    std::vector<double> y = bias;
    for (std::size_t i = 0; i < projected_width; ++i)
      for (std::size_t j = 0; j < projected_width; ++j)
        y[i] += weight[i * projected_width + j] * features[row * projected_width + j];
    double const norm = std::sqrt(testing::dot(y, y));
    for (double const value : y) want.push_back(value / norm);
  }
  testing::expect_near(z, want, 1e-14, "z");
}

}  // namespace
}  // namespace accord
