#pragma once
// A backward against finite differences of its forward, in double on the reference backend.

#include <functional>
#include <vector>

#include "tests/support/operands.hpp"

namespace accord::testing {

struct GradientCheck {
  std::vector<Shape> inputs;
  /// output = forward(inputs)
  std::function<View(Operands&, std::vector<View> const&)> forward;
  /// The gradient of sum(output * upstream) in each input, or an empty view for one not checked.
  std::function<std::vector<View>(Operands&, std::vector<View> const&, View upstream)> backward;
};

inline void expect_backward_matches_finite_differences(GradientCheck const& check,
                                                       double tolerance = 1e-8) {
  Queue queue(Backend::reference);
  auto const place = [&](Operands& operands, std::vector<std::vector<double>> const& values) {
    std::vector<View> views;
    for (std::size_t i = 0; i < values.size(); ++i)
      views.push_back(operands.values(check.inputs[i], values[i]));
    return views;
  };
  auto const output = [&](std::vector<std::vector<double>> const& values) {
    Operands operands(queue, DType::float64, Layout::strided);
    return values_of(queue, check.forward(operands, place(operands, values)));
  };

  std::vector<std::vector<double>> inputs;
  for (std::size_t i = 0; i < check.inputs.size(); ++i)
    inputs.push_back(random_values(check.inputs[i].size(), static_cast<std::uint32_t>(100 + i)));
  std::vector<double> const upstream = random_values(static_cast<Index>(output(inputs).size()), 99);

  Operands operands(queue, DType::float64, Layout::strided);
  std::vector<View> const views = place(operands, inputs);
  View const result = check.forward(operands, views);
  std::vector<View> const gradients =
      check.backward(operands, views, operands.values(result.shape(), upstream));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!gradients[i]) continue;
    auto const loss = [&](std::vector<double> const& x) {
      std::vector<std::vector<double>> moved = inputs;
      moved[i] = x;
      return dot(output(moved), upstream);
    };
    expect_gradient(inputs[i], values_of(queue, gradients[i]), loss, tolerance,
                    ("input " + std::to_string(i)).c_str());
  }
}

}  // namespace accord::testing
