#pragma once
// A module's backward against finite differences of its forward, in its input and in every
// parameter, in double; and a module cut over tensor-parallel ranks against the whole one.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/comm/self_communicator.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/nn/tensor_parallel_region.hpp"
#include "core/tensor/initial_values.hpp"
#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/op_testing.hpp"

namespace accord::testing {

/// A module as functions of the rows that its rank holds; each backward follows its forward.
struct TestedModule {
  std::function<Tensor(Queue&, ConstView x)> forward;                 ///< returns y
  std::function<Tensor(Queue&, ConstView x, ConstView dy)> backward;  ///< returns dx
};

/// Adds the module's parameters under a scope.
using MakeModule =
    std::function<TestedModule(Queue&, ParameterScope const&, TensorParallelRegion const&)>;

/// One rank's module with parameters that are functions of their names, and gradients that already
/// hold something, to which backward must add.
class ModuleOnRank {
 public:
  ModuleOnRank(Backend backend, MakeModule const& make, std::vector<std::string> frozen,
               TensorParallelRegion const& region)
      : rules_{std::move(frozen), {}},
        queue_(backend),
        store_(region.group().rank(), region.group().size()),
        module_(make(queue_, ParameterScope(store_, rules_), region)) {
    store_.allocate(queue_, DType::float64);
    initialise(queue_, store_, InitMode::dense, 7);
    for (int id = 0; id < store_.count(); ++id)
      if (View const gradient = store_.gradient(id))
        std::fill_n(gradient.as<double>(), gradient.size(), held_before);
  }

  Queue& queue() { return queue_; }
  ParameterStore& store() { return store_; }
  Tensor tensor(std::vector<double> const& values, Shape shape) {
    return tensor_of(queue_, DType::float64, values, shape);
  }
  Tensor forward(ConstView x) { return module_.forward(queue_, x); }
  Tensor backward(ConstView x, ConstView dy) { return module_.backward(queue_, x, dy); }
  /// What backward has added to a gradient; empty for a frozen parameter.
  std::vector<double> added(int id) {
    View const gradient = store_.gradient(id);
    if (!gradient) return {};
    std::vector<double> values = values_of(queue_, gradient);
    for (double& value : values) value -= held_before;
    return values;
  }

 private:
  static constexpr double held_before = 0.25;
  ParameterScope::Rules rules_;
  Queue queue_;
  ParameterStore store_;
  TestedModule module_;
};

/// On the reference backend against differences, at some 30 places of the input and of each
/// parameter; on the cpu against the reference.
/// \param frozen  prefixes of parameters that do not train: they have no gradient, and those of all
/// others stay right
inline void expect_module_gradients_match_finite_differences(MakeModule const& make, Shape x_shape,
                                                             std::vector<std::string> frozen = {},
                                                             double tolerance = 1e-8) {
  SelfCommunicator self;
  std::vector<double> const x_values = random_values(x_shape.size(), 1);
  std::vector<double> upstream;
  // Of the input, then of each parameter.
  auto const gradients_of = [&](ModuleOnRank& module) {
    Tensor const x = module.tensor(x_values, x_shape);
    Tensor const y = module.forward(x);
    upstream = random_values(y.shape().size(), 2);
    Tensor const dx = module.backward(x, module.tensor(upstream, y.shape()));
    std::vector<std::vector<double>> gradients{values_of(module.queue(), dx)};
    for (int id = 0; id < module.store().count(); ++id) gradients.push_back(module.added(id));
    return gradients;
  };
  ModuleOnRank module(Backend::reference, make, frozen, TensorParallelRegion(self));
  auto const gradients = gradients_of(module);
  auto const loss = [&](std::vector<double> const& values) {
    return dot(values_of(module.queue(), module.forward(module.tensor(values, x_shape))), upstream);
  };
  auto const stride = [](std::size_t size) { return size / 30 + 1; };
  expect_gradient(x_values, gradients[0], loss, tolerance, "input", stride(x_values.size()));
  ParameterStore& store = module.store();
  for (int id = 0; id < store.count(); ++id) {
    ParameterSpec const& spec = store.spec(id);
    EXPECT_EQ(spec.trainable, static_cast<bool>(store.gradient(id))) << spec.name;
    if (!spec.trainable) continue;
    double* const held = store.value(id).as<double>();
    std::vector<double> const values(held, held + store.value(id).size());
    expect_gradient(
        values, gradients[static_cast<std::size_t>(id) + 1],
        [&](std::vector<double> const& moved) {
          std::copy(moved.begin(), moved.end(), held);
          double const result = loss(x_values);
          std::copy(values.begin(), values.end(), held);
          return result;
        },
        tolerance, spec.name.c_str(), stride(values.size()));
  }

  ModuleOnRank on_cpu(Backend::cpu, make, frozen, TensorParallelRegion(self));
  auto const of_cpu = gradients_of(on_cpu);
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    double largest = 1;  // what is rounded grows with it
    for (double const g : gradients[i]) largest = std::max(largest, std::abs(g));
    expect_near(of_cpu[i], gradients[i], 1e-12 * largest,
                i == 0 ? "input, of the cpu" : store.spec(static_cast<int>(i) - 1).name.c_str());
  }
}

/// The whole module's output, input gradient and gradients of parameters come together from
/// `ranks` tensor-parallel ranks, without and with sequence parallelism. Rows of y belong to rows
/// of x.
inline void expect_module_on_tensor_ranks_equals_whole(MakeModule const& make, Shape x_shape,
                                                       int ranks, double tolerance = 1e-12) {
  std::vector<double> const x_values = random_values(x_shape.size(), 1);
  SelfCommunicator self;
  ModuleOnRank whole(Backend::cpu, make, {}, TensorParallelRegion(self));
  Tensor const whole_x = whole.tensor(x_values, x_shape);
  Tensor const y = whole.forward(whole_x);
  std::vector<double> const upstream = random_values(y.shape().size(), 2);
  Tensor const dx = whole.backward(whole_x, whole.tensor(upstream, y.shape()));
  std::vector<double> const y_values = values_of(whole.queue(), y),
                            dx_values = values_of(whole.queue(), dx);

  for (bool const split_rows : {false, true}) {
    SCOPED_TRACE(split_rows ? "rows split outside" : "rows whole outside");
    std::map<int, std::vector<double>> summed;  // by parameter: gradients of a rank's rows alone
    std::mutex mutex;
    parallel::ThreadGroup(ranks).run([&](parallel::GroupCommunicator& group) {
      TensorParallelRegion const region(group, split_rows);
      ModuleOnRank module(Backend::cpu, make, {}, region);
      RowShares const shares = region.share(x_shape[0]);
      auto const own = [&](std::vector<double> const& values, Index width) {
        auto const first = values.begin() + region.own_first(shares) * width;
        return std::vector<double>(first, first + region.own_count(shares, x_shape[0]) * width);
      };
      Index const rows = region.own_count(shares, x_shape[0]);
      Tensor const x = module.tensor(own(x_values, x_shape[1]), Shape{rows, x_shape[1]});
      expect_near(values_of(module.queue(), module.forward(x)), own(y_values, y.view().columns()),
                  tolerance, "output");
      Tensor const dy =
          module.tensor(own(upstream, y.view().columns()), Shape{rows, y.view().columns()});
      expect_near(values_of(module.queue(), module.backward(x, dy)), own(dx_values, x_shape[1]),
                  tolerance, "input's gradient");
      ParameterStore& store = module.store();
      std::lock_guard const lock(mutex);
      std::vector<std::vector<double>> wanted;
      for (int id = 0; id < store.count(); ++id) wanted.push_back(whole.added(id));
      for (ParameterPiece const& piece : store.pieces(0, store.trainable_size())) {
        auto const id = static_cast<std::size_t>(piece.parameter);
        ParameterSpec const& spec = store.spec(piece.parameter);
        std::vector<double> const held = module.added(piece.parameter);
        auto const begin = held.begin() + (piece.flat_begin - store.flat_begin(piece.parameter));
        std::vector<double> const got(begin, begin + piece.count);
        if (split_rows && spec.distribution == Distribution::partial) {
          std::vector<double>& sum = summed[piece.parameter];
          sum.resize(wanted[id].size());
          for (std::size_t i = 0; i < got.size(); ++i) sum[i] += got[i];
        } else {
          auto const want = wanted[id].begin() + piece.logical_begin;
          expect_near(got, {want, want + piece.count}, tolerance, spec.name.c_str());
        }
      }
    });
    for (auto const& [id, sum] : summed)
      expect_near(sum, whole.added(id), tolerance, whole.store().spec(id).name.c_str());
  }
}

}  // namespace accord::testing
