#pragma once
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include <limits>

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// Where epsilon stands (docs/model.md 4.1).
enum class EpsilonForm : std::uint8_t {
  corrected,    ///< beside the square root of the bias-corrected second moment (apex)
  uncorrected,  ///< beside that of the raw one (the official CPU code): for comparison only
};

/// One step of AdamW for elements that share its numbers.
struct AdamwStep {
  double learning_rate = 0;
  double beta1 = 0, beta2 = 0, epsilon = 0;
  double weight_decay = 0;
  Index step = 1;             ///< 1 for the first update
  double gradient_scale = 1;  ///< the clip coefficient
  EpsilonForm epsilon_form = EpsilonForm::corrected;
  /// The new value is held within these.
  double lower = -std::numeric_limits<double>::infinity();
  double upper = std::numeric_limits<double>::infinity();
};

/// With g = gradient_scale * gradient, t = step and w the value before the step
/// (docs/model.md 4.1):
///   m = beta1 m + (1 - beta1) g          v = beta2 v + (1 - beta2) g^2
///   w = w - lr * weight_decay * w - lr * (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + epsilon)
/// and in the uncorrected form the last fraction is
///   sqrt(1 - beta2^t) / (1 - beta1^t) * m / (sqrt(v) + epsilon).
/// All views are dense, of one size, and of one type but `rounded`: master (w), exp_avg (m) and
/// exp_avg_sq (v) in place. rounded: bfloat16, receives the new w (the working weights of a model
/// whose masters are float32), or empty. An element's result depends on that element alone, bit by
/// bit, wherever a range is cut.
void adamw_update(Queue& queue, AdamwStep const& step, View master, ConstView gradient,
                  View exp_avg, View exp_avg_sq, View rounded = {});

ACCORD_BACKENDS(void adamw_update(Queue& queue, AdamwStep const& step, View master,
                                  ConstView gradient, View exp_avg, View exp_avg_sq, View rounded))

}  // namespace accord
