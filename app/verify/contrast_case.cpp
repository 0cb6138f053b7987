// The contrast over several ranks: the ring, in both gradient modes.

#include <mutex>

#include "app/verify/cases.hpp"
#include "core/loss/contrastive.hpp"
#include "core/ops/elementwise.hpp"
#include "parallel/comm/thread_communicator.hpp"

namespace accord::app {
namespace {

// What all ranks computed, rank after rank.
struct Gathered {
  std::vector<double> loss, i2t, t2i, dimage, dtext, dtau;
};

Gathered run_ring(Reference const& reference, ContrastGradient gradient) {
  std::vector<Index> const shape = reference.shape("inputs/image_features");  // [ranks, n, d]
  Index const n = shape[1], d = shape[2];
  std::vector<Gathered> by_rank(static_cast<std::size_t>(shape[0]));
  std::mutex reading;
  parallel::ThreadGroup(static_cast<int>(shape[0])).run([&](parallel::GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    auto own = [&](std::string const& dataset) {
      std::lock_guard const lock(reading);
      std::vector<double> const all = reference.values(dataset);
      auto const begin = all.begin() + world.rank() * n * d;
      return reference.tensor(queue, {begin, begin + n * d}, {n, d});
    };
    Tensor const image = own("inputs/image_features"), text = own("inputs/text_features");
    DType const sums = accumulator_of(reference.dtype());
    Tensor const tau = [&] {
      std::lock_guard const lock(reading);
      return reference.tensor(queue, reference.values("inputs/logit_scale"), {1});
    }();
    Tensor scale(queue, sums, {1}), dscale = Tensor::zeros(queue, sums, {1});
    Tensor dtau = Tensor::zeros(queue, sums, {1});
    Tensor dimage(queue, sums, {n, d}), dtext(queue, sums, {n, d});
    logit_scale_forward(queue, tau, scale);
    ContrastOptions options{.gradient = gradient,
                            .label_smoothing = reference.number("/label_smoothing")};
    options.tile = 5;  // several tiles even here
    ContrastResult const result =
        contrast_ring(queue, world, image, text, scale, options, dimage, dtext, dscale);
    logit_scale_backward(queue, dscale, scale, dtau);
    by_rank[static_cast<std::size_t>(world.rank())] = {as_doubles(queue, result.loss),
                                                       as_doubles(queue, result.a2b_correct),
                                                       as_doubles(queue, result.b2a_correct),
                                                       as_doubles(queue, dimage),
                                                       as_doubles(queue, dtext),
                                                       as_doubles(queue, dtau)};
  });
  Gathered all;
  for (Gathered const& one : by_rank) {
    auto append = [](std::vector<double>& to, std::vector<double> const& from) {
      to.insert(to.end(), from.begin(), from.end());
    };
    append(all.loss, one.loss);
    append(all.i2t, one.i2t);
    append(all.t2i, one.t2i);
    append(all.dimage, one.dimage);
    append(all.dtext, one.dtext);
    append(all.dtau, one.dtau);
  }
  return all;
}

std::vector<double> scaled(std::vector<double> values, double factor) {
  for (double& value : values) value *= factor;
  return values;
}

double sum(std::vector<double> const& values) {
  double total = 0;
  for (double value : values) total += value;
  return total;
}

}  // namespace

void verify_dist_itc(Queue&, Reference& reference) {
  Tolerance const tolerance = tolerance_of(Quantity::contrastive, reference.dtype());
  double const ranks = static_cast<double>(reference.shape("inputs/image_features")[0]);
  // The official figures are per rank and not divided by the number of ranks; ours are shares of
  // the global loss.
  Gathered const anchor = run_ring(reference, ContrastGradient::anchor);
  reference.compare("outputs/official/loss", scaled(anchor.loss, ranks), tolerance);
  reference.compare("outputs/official/i2t_ncorrect", anchor.i2t, {});
  reference.compare("outputs/official/t2i_ncorrect", anchor.t2i, {});
  reference.compare("grads/official/d_image", scaled(anchor.dimage, ranks), tolerance);
  reference.compare("grads/official/d_text", scaled(anchor.dtext, ranks), tolerance);
  reference.compare("grads/official/d_logit_scale", scaled(anchor.dtau, ranks), tolerance);
  Gathered const exact = run_ring(reference, ContrastGradient::exact);
  reference.compare("outputs/global/loss", {sum(exact.loss)}, tolerance);
  reference.compare("outputs/global/i2t_ncorrect", {sum(exact.i2t)}, {});
  reference.compare("outputs/global/t2i_ncorrect", {sum(exact.t2i)}, {});
  reference.compare("grads/global/d_image", exact.dimage, tolerance);
  reference.compare("grads/global/d_text", exact.dtext, tolerance);
  reference.compare("grads/global/d_logit_scale", {sum(exact.dtau)}, tolerance);
}

}  // namespace accord::app
