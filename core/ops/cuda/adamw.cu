#include "core/ops/adamw.hpp"

#include <cmath>

#include "core/ops/cuda/launch.cuh"

namespace accord::cuda {
namespace {

/// The numbers of AdamwStep, with everything that is the same for all elements folded.
struct Numbers {
  float beta1, one_minus_beta1, beta2, one_minus_beta2, gradient_scale;
  float decay, rate, inverse_root,
      epsilon;  ///< w - decay w - rate m / (sqrt(v) inverse_root + epsilon)
  float lower, upper;

  explicit Numbers(AdamwStep const& step) {
    auto const t = static_cast<double>(step.step);
    double const correction1 = 1 - std::pow(step.beta1, t);
    double const correction2 = 1 - std::pow(step.beta2, t);
    bool const corrected = step.epsilon_form == EpsilonForm::corrected;
    beta1 = static_cast<float>(step.beta1);
    one_minus_beta1 = static_cast<float>(1 - step.beta1);
    beta2 = static_cast<float>(step.beta2);
    one_minus_beta2 = static_cast<float>(1 - step.beta2);
    gradient_scale = static_cast<float>(step.gradient_scale);
    decay = static_cast<float>(step.learning_rate * step.weight_decay);
    rate = static_cast<float>(step.learning_rate / correction1 *
                              (corrected ? 1 : std::sqrt(correction2)));
    inverse_root = corrected ? static_cast<float>(1 / std::sqrt(correction2)) : 1;
    epsilon = static_cast<float>(step.epsilon);
    lower = static_cast<float>(step.lower);
    upper = static_cast<float>(step.upper);
  }
};

/// One element per thread and turn, multiply and add apart: an element's bits depend on its values
/// alone.
struct Update {
  Numbers numbers;
  float* master;
  float const* gradient;
  float* exp_avg;
  float* exp_avg_sq;
  BFloat16* rounded;
  __device__ void operator()(Index, Index j) const {
    float const g = __fmul_rn(numbers.gradient_scale, gradient[j]);
    float const m =
        __fadd_rn(__fmul_rn(numbers.beta1, exp_avg[j]), __fmul_rn(numbers.one_minus_beta1, g));
    float const v = __fadd_rn(__fmul_rn(numbers.beta2, exp_avg_sq[j]),
                              __fmul_rn(numbers.one_minus_beta2, __fmul_rn(g, g)));
    float const w = master[j];
    float const root = __fadd_rn(__fmul_rn(__fsqrt_rn(v), numbers.inverse_root), numbers.epsilon);
    float const step = __fdiv_rn(__fmul_rn(numbers.rate, m), root);
    float const updated = __fsub_rn(__fsub_rn(w, __fmul_rn(numbers.decay, w)), step);
    float const held = fminf(fmaxf(updated, numbers.lower), numbers.upper);
    exp_avg[j] = m;
    exp_avg_sq[j] = v;
    master[j] = held;
    if (rounded) rounded[j] = from_float<BFloat16>(held);
  }
};

}  // namespace

// Masters are float32 whatever the type of the model, so there is one form.
template <>
void adamw_update<float>(Queue& queue, AdamwStep const& step, View master, ConstView gradient,
                         View exp_avg, View exp_avg_sq, View rounded) {
  for_each_element<1>(
      queue, "adamw_update", 1, master.size(),
      Update{Numbers(step), master.as<float>(), gradient.as<float>(), exp_avg.as<float>(),
             exp_avg_sq.as<float>(), optional_values<BFloat16>(rounded)});
}
template <>
void adamw_update<BFloat16>(Queue&, AdamwStep const&, View, ConstView, View, View, View) {
  throw Error("adamw_update: masters are never bfloat16");
}

}  // namespace accord::cuda
