#pragma once
// The gradients of a whole training step against finite differences of its loss, in double on the
// reference backend.

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "core/comm/self_communicator.hpp"
#include "parallel/pipeline/train_step.hpp"
#include "tests/support/op_testing.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord::testing {

/// First, middle and last element of every trained parameter that `checks` names.
inline void expect_step_gradients_match_finite_differences(
    ModelConfig const& config, Index samples,
    std::function<bool(std::string const&)> const& checks = [](auto&) { return true; }) {
  Queue queue(Backend::reference);
  SelfCommunicator self;
  Model model(queue, config, DType::float64, self, Model::whole(config));
  model.initialise(queue, InitMode::dense, 5);
  parallel::MeshGroups groups;
  parallel::TrainStep step(queue, model, groups, {.global_batch = samples, .seed = 9});
  std::vector<MicroBatch> batches;
  batches.push_back(tiny_batch(config, 0, samples));
  ParameterStore& store = model.parameters();
  auto const loss = [&] { return total_loss(config, step.run(batches).terms); };
  store.zero_gradients(queue);
  loss();
  std::vector<std::vector<double>> gradients;  // each further step adds to the store's
  for (int id = 0; id < store.count(); ++id) {
    View const gradient = store.gradient(id);
    gradients.push_back(gradient ? values_of(queue, gradient) : std::vector<double>{});
  }
  int checked = 0;
  for (int id = 0; id < store.count(); ++id) {
    std::string const& name = store.spec(id).name;
    if (!store.spec(id).trainable || !checks(name)) continue;
    View const value = store.value(id);
    double* const values = value.as<double>();
    for (Index const k : {Index{0}, value.size() / 2, value.size() - 1}) {
      double const h = 1e-5, was = values[k];
      values[k] = was + h;
      double const up = loss();
      values[k] = was - h;
      double const down = loss();
      values[k] = was;
      double const analytic = gradients[static_cast<std::size_t>(id)][static_cast<std::size_t>(k)];
      EXPECT_NEAR(analytic, (up - down) / (2 * h), 1e-8 + 1e-6 * std::abs(analytic))
          << name << "[" << k << "]";
      ++checked;
    }
  }
  EXPECT_GT(checked, 30);
}

}  // namespace accord::testing
