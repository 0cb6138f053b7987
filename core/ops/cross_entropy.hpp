#pragma once
// Losses of a classification head, with their gradients at once. Both add share * sum_i loss_i to
// loss [1] and the number of right predictions to correct [1] (accumulator type), and overwrite
// dlogits with weight * share * gradient. The prediction is the largest logit, of equal ones the
// first.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// loss_i = -sum_c t_c log softmax(logits_i)_c with t = 1 - e for the label plus e / classes for
/// every class (torch.nn.functional.cross_entropy with label smoothing e).
/// logits, dlogits [m, classes]   labels int64 [m], each in [0, classes)
void cross_entropy(Queue& queue, ConstView logits, ConstView labels, double label_smoothing,
                   double share, double weight, View loss, View correct, View dlogits);
/// loss_i = -sum_c [t_ic log s(logit_ic) + (1 - t_ic) log(1 - s(logit_ic))], s the logistic
/// function, for samples of any number of classes (docs/model.md 6). Right is a prediction that is
/// one of the sample's classes.   targets uint8 [m, classes]: 0 or 1
void binary_cross_entropy(Queue& queue, ConstView logits, ConstView targets, double share,
                          double weight, View loss, View correct, View dlogits);

ACCORD_BACKENDS(void cross_entropy(Queue& queue, ConstView logits, ConstView labels,
                                   double label_smoothing, double share, double weight, View loss,
                                   View correct, View dlogits))
ACCORD_BACKENDS(void binary_cross_entropy(Queue& queue, ConstView logits, ConstView targets,
                                          double share, double weight, View loss, View correct,
                                          View dlogits))

}  // namespace accord
