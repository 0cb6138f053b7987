#include "core/ops/cross_entropy.hpp"

#include "core/ops/cuda/launch.cuh"
#include "core/tensor/tensor.hpp"

namespace accord::cuda {
namespace {

// A thread takes a row: the rows of a head are samples, and few beside the rows of a layer.

template <class T>
__device__ Index first_largest(T const* x, Index classes) {
  Index best = 0;
  for (Index c = 1; c < classes; ++c)
    if (to_float(x[c]) > to_float(x[best])) best = c;
  return best;
}

/// Row i: its loss to outcomes[0][i], whether it is right to outcomes[1][i].
template <class T>
struct CrossEntropy {
  Index classes;
  std::int64_t const* labels;
  float smoothing, factor;
  Rows<T const> logits;
  Rows<T> dlogits;
  Rows<float> outcomes;
  __device__ void operator()(Index i, Index) const {
    T const* const x = logits[i];
    Index const label = labels[i], best = first_largest(x, classes);
    float const largest = to_float(x[best]), others = smoothing / static_cast<float>(classes);
    float sum = 0, total = 0;
    for (Index c = 0; c < classes; ++c) {
      total += to_float(x[c]);
      sum += expf(to_float(x[c]) - largest);
    }
    float const lse = largest + logf(sum);
    outcomes[0][i] = lse - (1 - smoothing) * to_float(x[label]) - others * total;
    outcomes[1][i] = best == label;
    for (Index c = 0; c < classes; ++c) {
      float const target = others + (c == label ? 1 - smoothing : 0);
      dlogits[i][c] = from_float<T>(factor * (expf(to_float(x[c]) - lse) - target));
    }
  }
};

template <class T>
struct BinaryCrossEntropy {
  Index classes;
  float factor;
  Rows<T const> logits;
  Rows<std::uint8_t const> targets;
  Rows<T> dlogits;
  Rows<float> outcomes;
  __device__ void operator()(Index i, Index) const {
    T const* const x = logits[i];
    outcomes[1][i] = targets[i][first_largest(x, classes)];
    float sum = 0;
    for (Index c = 0; c < classes; ++c) {
      float const logit = to_float(x[c]), target = targets[i][c];
      float const tail = expf(-fabsf(logit));  // never overflows
      sum += fmaxf(logit, 0) + log1pf(tail) - target * logit;
      dlogits[i][c] = from_float<T>(factor * ((logit < 0 ? tail : 1) / (1 + tail) - target));
    }
    outcomes[0][i] = sum;
  }
};

struct AddOutcomes {
  Index rows;
  float share;
  Rows<float const> outcomes;
  float *loss, *correct;
  __device__ void operator()(Index, Index) const {
    float losses = 0, hits = 0;
    for (Index i = 0; i < rows; ++i) {
      losses += outcomes[0][i];
      hits += outcomes[1][i];
    }
    *loss += share * losses;
    *correct += hits;
  }
};

void add_outcomes(Queue& queue, Tensor const& outcomes, double share, View loss, View correct) {
  for_each_element<1>(
      queue, "add_outcomes", 1, 1,
      AddOutcomes{outcomes.shape()[1], static_cast<float>(share),
                  Rows<float const>(outcomes.view()), loss.as<float>(), correct.as<float>()});
}

}  // namespace

template <class T>
void cross_entropy(Queue& queue, ConstView logits, ConstView labels, double label_smoothing,
                   double share, double weight, View loss, View correct, View dlogits) {
  Tensor outcomes(queue, DType::float32, {2, logits.rows()});
  for_each_element<1>(
      queue, "cross_entropy", logits.rows(), 1,
      CrossEntropy<T>{logits.columns(), labels.as<std::int64_t>(),
                      static_cast<float>(label_smoothing), static_cast<float>(weight * share),
                      Rows<T const>(logits), Rows<T>(dlogits), Rows<float>(outcomes.view())});
  add_outcomes(queue, outcomes, share, loss, correct);
}
template void cross_entropy<float>(Queue&, ConstView, ConstView, double, double, double, View, View,
                                   View);
template void cross_entropy<BFloat16>(Queue&, ConstView, ConstView, double, double, double, View,
                                      View, View);

template <class T>
void binary_cross_entropy(Queue& queue, ConstView logits, ConstView targets, double share,
                          double weight, View loss, View correct, View dlogits) {
  Tensor outcomes(queue, DType::float32, {2, logits.rows()});
  for_each_element<1>(
      queue, "binary_cross_entropy", logits.rows(), 1,
      BinaryCrossEntropy<T>{logits.columns(), static_cast<float>(weight * share),
                            Rows<T const>(logits), Rows<std::uint8_t const>(targets),
                            Rows<T>(dlogits), Rows<float>(outcomes.view())});
  add_outcomes(queue, outcomes, share, loss, correct);
}
template void binary_cross_entropy<float>(Queue&, ConstView, ConstView, double, double, View, View,
                                          View);
template void binary_cross_entropy<BFloat16>(Queue&, ConstView, ConstView, double, double, View,
                                             View, View);

}  // namespace accord::cuda
