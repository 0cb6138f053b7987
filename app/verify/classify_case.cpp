// Figures of a classification.

#include <algorithm>

#include "app/verify/cases.hpp"
#include "core/eval/classification.hpp"

namespace accord::app {

void verify_eval_classify(Queue&, Reference& reference) {
  io::Hdf5Reader const& file = reference.file();
  // Sums of fractions in another order: their rounding grows with their number.
  auto const samples = static_cast<double>(reference.shape("inputs/map_targets")[0]);
  Tolerance const exact{.absolute = 1e-15 * std::max(1.0, samples / 64)};
  auto const labels = file.read<std::int64_t>("inputs/acc_labels");
  reference.compare("outputs/accuracy", {accuracy(file.read<double>("inputs/acc_logits"), labels)},
                    exact);
  std::vector<float> const truth = file.read<float>("inputs/map_targets");
  std::vector<std::uint8_t> const targets(truth.begin(), truth.end());
  Index const classes = reference.shape("inputs/map_targets")[1];
  auto const mean = [&](char const* logits) {
    return mean_average_precision(file.read<double>(logits), targets, classes);
  };
  reference.compare("outputs/map", {mean("inputs/map_logits")}, exact);
  reference.compare("outputs/map_tied", {mean("inputs/map_logits_tied")}, exact);
  std::vector<double> const scores = file.read<double>("inputs/map_logits");
  std::vector<double> each;
  for (Index c = 0; c < classes; ++c) {
    std::vector<double> of_class;
    std::vector<std::uint8_t> positive;
    for (std::size_t i = static_cast<std::size_t>(c); i < scores.size();
         i += static_cast<std::size_t>(classes)) {
      of_class.push_back(scores[i]);
      positive.push_back(targets[i]);
    }
    each.push_back(average_precision(of_class, positive));
  }
  reference.compare("outputs/map_per_class", each, exact);
}

}  // namespace accord::app
