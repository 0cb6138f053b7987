#include "tests/parallel/data/toy_checks.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "parallel/comm/thread_communicator.hpp"

namespace accord::parallel {

ToyResult run_toy_alone(ToyRun const& run, Zero zero) {
  ToyResult result;
  ThreadGroup(1).run([&](GroupCommunicator& world) {
    result = run_toy(world, {.mesh = {1, 1, 1}, .zero = zero, .bucket_bytes = 1 << 20}, run);
  });
  return result;
}

namespace {

template <class Compare>
void compare_all(ToyResult const& got, ToyResult const& want, Compare&& compare) {
  ASSERT_EQ(got.steps.size(), want.steps.size());
  for (auto const& [kind, tensors] : want.tensors) {
    auto const& others = got.tensors.at(kind);
    ASSERT_EQ(others.size(), tensors.size());
    for (auto const& [name, tensor] : tensors) {
      SCOPED_TRACE(fmt::format("{}, kind {}", name, kind.name));
      ASSERT_EQ(others.count(name), 1u);
      EXPECT_EQ(others.at(name).shape, tensor.shape);
      compare(others.at(name).values, tensor.values);
    }
  }
}

}  // namespace

void expect_same(ToyResult const& got, ToyResult const& want) {
  compare_all(got, want, [](auto const& a, auto const& b) { EXPECT_EQ(a, b); });
  for (std::size_t i = 0; i < want.steps.size(); ++i) {
    EXPECT_EQ(got.steps[i].grad_norm, want.steps[i].grad_norm) << "step " << i;
    EXPECT_EQ(got.steps[i].clip_coefficient, want.steps[i].clip_coefficient) << "step " << i;
  }
}

void expect_close(ToyResult const& got, ToyResult const& want, double relative) {
  compare_all(got, want, [&](auto const& a, auto const& b) {
    double distance = 0, norm = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
      distance += (a[i] - b[i]) * (a[i] - b[i]);
      norm += b[i] * b[i];
    }
    EXPECT_LE(std::sqrt(distance), relative * std::sqrt(norm));
  });
  for (std::size_t i = 0; i < want.steps.size(); ++i)
    EXPECT_NEAR(got.steps[i].grad_norm, want.steps[i].grad_norm,
                relative * want.steps[i].grad_norm);
}

}  // namespace accord::parallel
